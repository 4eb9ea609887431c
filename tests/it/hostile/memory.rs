//! What bodies without end, and documents that blow up, cost in memory.

use std::time::Duration;

use tokio::process::Child;

use super::{Answer, Image, Reply, Scene, Server, challenge, head, reply};

/// More than this, in bytes, no answer may cost beyond what a good one costs.
const ALLOWED: u64 = 32 << 20;

/// A gigabyte in chunks, and then its end.
fn gigabyte(status: u16) -> Reply {
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    Reply::Flood(head(status, "transfer-encoding: chunked\r\n"), chunk.into_bytes())
}

/// The most memory that `process` has had so far, in bytes.
fn peak(process: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()?)).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

/// The most memory that the program has while it inspects an image of `server`. Another image, whose registry is
/// silent, keeps it alive after that, so that the peak can be seen.
async fn cost(scene: &Scene, server: &Server) -> u64 {
    let silent = Server::http(|_| Reply::Stall("")).await;
    let references = [format!("{}/a:1", server.address), format!("{}/a:1", silent.address)];
    let limits = ["--retries", "0", "--registry-timeout", "4s", "--all-platforms", "-o", "json"];
    let arguments = [&["inspect", &references[0], &references[1]], &limits[..]].concat();
    let mut process = scene.program.command(&arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut most = 0;
    while process.try_wait().unwrap().is_none() {
        most = peak(&process).unwrap_or(0).max(most);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(most > 1 << 20 && !server.seen().is_empty());
    most
}

/// A registry that answers what matches `is_part` with `reply`, and else as it should.
fn spoiled(is_part: fn(&str) -> bool, wants_token: bool, spoiled: Reply) -> impl Answer {
    let image = Image::good();
    move |seen| match seen.path.as_str() {
        path if is_part(path) => spoiled.clone(),
        path if wants_token && !path.starts_with("/token") => challenge(seen),
        _ => image.answer(seen),
    }
}

#[tokio::test]
async fn nothing_costs_much_memory() {
    let scene = Scene::new().await;
    let image = Image::good();
    let usual = cost(&scene, &Server::http(move |seen| image.answer(seen)).await).await;
    let is_manifest: fn(&str) -> bool = |path| path.contains("/manifests/");
    let is_config: fn(&str) -> bool = |path| path.contains("/blobs/");
    let is_token: fn(&str) -> bool = |path| path.starts_with("/token");
    let list = |before: &str, item: &str| {
        let count = (4 << 20) / (item.len() + 1) - 100;
        format!("{before}[{}{item}]}}", format!("{item},").repeat(count)).into_bytes()
    };
    let tokens = format!("{{\"token\":\"t\",\"expires_in\":[{}0]}}", "0,".repeat(500_000));
    for (name, server) in [
        ("manifest", Server::http(spoiled(is_manifest, false, gigabyte(200))).await),
        ("config", Server::http(spoiled(is_config, false, gigabyte(200))).await),
        ("token", Server::http(spoiled(is_token, true, gigabyte(200))).await),
        ("error", Server::http(spoiled(is_manifest, false, gigabyte(404))).await),
        (
            "headers",
            Server::http(spoiled(is_manifest, false, Reply::Flood(head(200, ""), b"x: y\r\n".repeat(9999)))).await,
        ),
        ("entries", Server::http(spoiled(is_manifest, false, reply(200, list("{\"manifests\":", "{}")))).await),
        ("zeros", Server::http(spoiled(is_manifest, false, reply(200, list("{\"manifests\":", "0")))).await),
        ("steps", {
            let image = Image::of(&String::from_utf8(list("{\"history\":", "{}")).unwrap());
            Server::http(move |seen| image.answer(seen)).await
        }),
        ("lifetime", Server::http(spoiled(is_token, true, reply(200, tokens))).await),
    ] {
        let most = cost(&scene, &server).await;
        assert!(most < usual + ALLOWED, "{name}: {} MiB, and usually {} MiB", most >> 20, usual >> 20);
    }
}
