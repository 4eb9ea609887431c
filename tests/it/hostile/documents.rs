//! Documents that are two things at once, too deep, too wide, or that lie about numbers; and texts that act.

use imagefacts::image::Digest;
use serde_json::{Value, json};

use super::image::{CONFIG, INDEX, MANIFEST};
use super::{Attack, Image, Scene, reply};

const GOOD: &str = r#"{"os":"linux","architecture":"amd64"}"#;

fn manifest(change: impl FnOnce(&mut Value)) -> String {
    String::from_utf8(Image::changed(GOOD, change).manifest).unwrap()
}

fn index(entries: &[Value]) -> String {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string()
}

/// An entry of nothing that is anywhere.
fn entry(name: &str, platform: Value) -> Value {
    json!({"mediaType": MANIFEST, "digest": Digest::of(name.as_bytes()), "size": 7, "platform": platform})
}

#[tokio::test]
async fn no_manifest_is_too_odd() {
    let good = manifest(|_| {});
    let config = format!(r#""config":{{"mediaType":"{CONFIG}","digest":"{}","size":37}}"#, Digest::of(GOOD.as_bytes()));
    let deep = |open: &str| format!(r#"{{"schemaVersion":2,"x":{}"#, open.repeat(100_000));
    let closed = format!(r#"{{"schemaVersion":2,"layers":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let wide = |item: &str| {
        format!(
            r#"{{"schemaVersion":2,"manifests":[{}{item}]}}"#,
            format!("{item},").repeat((4 << 20) / (item.len() + 1) - 20)
        )
    };
    let amd64 = json!({"os": "linux", "architecture": "amd64"});
    let many: Vec<Value> =
        (0..20_000).map(|n| entry(&n.to_string(), json!({"os": "plan9", "architecture": format!("a{n}")}))).collect();
    let long = "\u{1b}[31m".repeat(300_000);
    for_each(vec![
        ("both", "invalid-content", manifest(|m| m["manifests"] = json!([]))),
        ("both-legacy", "invalid-content", manifest(|m| m["fsLayers"] = json!([]))),
        ("twice", "invalid-content", good.replace(r#""schemaVersion":2"#, &format!(r#""schemaVersion":2,{config}"#))),
        ("other-type", "invalid-content", manifest(|m| m["mediaType"] = INDEX.into())),
        ("foreign-type", "unsupported", manifest(|m| m["mediaType"] = "application/x".into())),
        ("long-type", "unsupported", manifest(|m| m["mediaType"] = long.clone().into())),
        ("type-of-other-kind", "invalid-content", manifest(|m| m["mediaType"] = json!([long.clone()]))),
        ("deep-arrays", "invalid-content", deep("[")),
        ("deep-objects", "invalid-content", deep("{\"a\":")),
        ("deep-and-closed", "invalid-content", closed),
        ("negative", "invalid-content", manifest(|m| m["layers"][0]["size"] = json!(-1))),
        ("fraction", "invalid-content", manifest(|m| m["layers"][0]["size"] = json!(0.5))),
        ("enormous", "invalid-content", good.replace(r#""size":5"#, r#""size":1e400"#)),
        ("digits", "invalid-content", good.replace(r#""size":5"#, &format!(r#""size":{}"#, "9".repeat(100_000)))),
        (
            "largest",
            "",
            manifest(|m| {
                let layer = |n: u8| json!({"mediaType": "l", "digest": Digest::of(&[n]), "size": u64::MAX});
                m["layers"] = (0..4).map(layer).collect();
            }),
        ),
        ("config-of-any-size", "digest-mismatch", manifest(|m| m["config"]["size"] = u64::MAX.into())),
        ("nothing", "invalid-content", String::new()),
        ("blank", "invalid-content", " ".repeat(4 << 20)),
        ("null", "invalid-content", "null".to_owned()),
        ("list", "invalid-content", format!("[2,{good}]")),
        ("html", "invalid-content", "<html>".to_owned()),
        ("not-utf8", "invalid-content", "{\"schemaVersion\":2,\"mediaType\":\"\\ud800\"}".to_owned()),
        ("zeros", "too-large", wide("0")),
        ("empties", "too-large", wide("{}")),
        ("lists", "too-large", wide("[[],[]]")),
        ("layers", "too-large", format!(r#"{{"schemaVersion":2,{config},"layers":[{}0]}}"#, "0,".repeat(2_000_000))),
        ("none-of-ours", "too-large", index(&many)),
        ("hundred-of-ours", "not-found", index(&vec![entry("a", amd64.clone()); 100])),
        (
            "odd-platform",
            "not-found",
            index(&[entry("a", amd64), entry("b", json!({"os": "li/nux\u{1b}[2J", "architecture": "\u{202e}"}))]),
        ),
    ])
    .await;
}

async fn for_each(cases: Vec<(&'static str, &'static str, String)>) {
    let mut attacks = Vec::new();
    for (name, class, document) in cases {
        let image = Image { config: GOOD.into(), manifest: document.into_bytes() };
        attacks.push(Attack::new(name, class, move |seen| image.answer(seen)).await);
    }
    Scene::new().await.endure(&attacks, &[]).await;
}

#[tokio::test]
async fn no_config_is_too_odd() {
    let run = |text: &str| format!(r#"{{"os":"linux","architecture":"amd64","config":{text}}}"#);
    let nested = |depth: usize| format!("{}{}", r#"{"a":"#.repeat(depth), "1".to_owned() + &"}".repeat(depth));
    let wide = |item: &str| format!("{}{item}", format!("{item},").repeat((4 << 20) / (item.len() + 1) - 50));
    let attacks = [
        ("deep", "invalid-content", run(&"[".repeat(100_000))),
        ("deep-unknown", "invalid-content", run(&format!(r#"{{"x":{}}}"#, nested(100_000)))),
        ("healthcheck", "invalid-content", run(&format!(r#"{{"Healthcheck":{}}}"#, nested(120)))),
        ("steps", "too-large", format!(r#"{{"history":[{}]}}"#, wide("{}"))),
        ("zero-steps", "too-large", format!(r#"{{"history":[{}]}}"#, wide("0"))),
        ("words", "too-large", run(&format!(r#"{{"Env":[{}]}}"#, wide("\"\"")))),
        ("diffs", "too-large", format!(r#"{{"rootfs":{{"diff_ids":[{}]}}}}"#, wide("\"\""))),
        ("labels", "too-large", run(&format!(r#"{{"Labels":{{{}}}}}"#, (0..200_000).map(|n| format!("\"{n}\":\"\"")).collect::<Vec<_>>().join(",")))),
        ("long-label", "", run(&format!(r#"{{"Labels":{{"a":"{}"}}}}"#, "password=".repeat(400_000)))),
        ("no-object", "invalid-content", "[]".to_owned()),
        ("times", "", r#"{"created":"-009999-01-01T00:00:00Z","history":[{"created":"+999999-12-31T23:59:60Z"},{"created":"9999-12-31T23:59:59.999999999Z"}]}"#.to_owned()),
        ("odd-platform", "", r#"{"os":"../../etc","architecture":"\u001b[2J","variant":"/"}"#.to_owned()),
    ];
    let mut all = Vec::new();
    for (name, class, config) in attacks {
        let image = Image::of(&config);
        all.push(Attack::new(name, class, move |seen| image.answer(seen)).await);
    }
    Scene::new().await.endure(&all, &[]).await;
}

/// A chain of indexes, each of which holds the next, and a graph of which each node is reached in many ways.
#[tokio::test]
async fn indexes_within_indexes_end() {
    let leaf = Image::of(GOOD);
    let of = |inner: &str| json!({"mediaType": INDEX, "digest": Digest::of(inner.as_bytes()), "size": inner.len()});
    let mut chain = vec![index(&[leaf.entry()])];
    let mut graph = vec![index(&[leaf.entry()])];
    for depth in 1..30 {
        chain.push(index(&[of(&chain[depth - 1])]));
        let below = of(&graph[depth - 1]);
        graph.push(index(&vec![below; 60]));
    }
    let mut attacks = Vec::new();
    for (name, documents) in [("chain", chain), ("graph", graph)] {
        let answer = move |seen: &crate::registry_client::server::Seen| {
            let last = documents.last().cloned();
            let named = |text: &&String| seen.path.ends_with(Digest::of(text.as_bytes()).as_str());
            let found = documents.iter().find(named).cloned();
            reply(200, found.or(last).unwrap_or_default())
        };
        let class = if name == "chain" { "unsupported" } else { "too-large" };
        attacks.push(Attack::new(name, class, answer).await);
    }
    Scene::new().await.endure(&attacks, &[]).await;
    for attack in &attacks {
        assert!(attack.server.lines().len() <= 4, "{}: {:?}", attack.name, attack.server.lines());
    }
}

/// A list of attachments whose every page names itself as the next.
#[tokio::test]
async fn lists_without_end_end() {
    let image = Image::of(GOOD);
    let attack = Attack::new("a", "", move |seen| match seen.path.contains("/referrers/") {
        true => {
            let link = format!("<{}?page=next>; rel=\"next\"", seen.path.split('?').next().unwrap());
            reply(200, index(&vec![entry("x", Value::Null); 1000])).with("link", link)
        }
        false => image.answer(seen),
    })
    .await;
    Scene::new().await.endure(std::slice::from_ref(&attack), &["--attachments", "all"]).await;
    let pages = attack.server.lines().iter().filter(|line| line.contains("/referrers/")).count();
    assert!((2..=16).contains(&pages), "{pages}");
}

/// Every text that a registry chooses, full of what moves a cursor, forges a line or turns the order around.
#[tokio::test]
async fn no_text_acts_on_a_terminal() {
    const BAD: &str = "\u{1b}[2J\u{1b}]0;t\u{7}\r\n\u{9b}31m\u{202e}forged\u{2066}\u{200b}\u{feff}\u{0}\u{7f}";
    let odd = json!({"os": format!("linux{BAD}"), "architecture": BAD, "variant": BAD});
    let odd = Image::of(&odd.to_string());
    let config = json!({
        "os": "linux", "architecture": "amd64", "author": BAD, "created": BAD, "os.version": BAD,
        "config": {"User": BAD, "Env": [BAD], "Entrypoint": [BAD], "Cmd": [BAD], "WorkingDir": BAD, "StopSignal": BAD,
            "Labels": {BAD: BAD, "org.opencontainers.image.source": BAD, "org.opencontainers.image.version": BAD},
            "ExposedPorts": {BAD: {}}, "Volumes": {BAD: {}}, "Healthcheck": {BAD: BAD}},
        "history": [{"created_by": BAD, "comment": BAD}],
    });
    let image = Image::changed(&config.to_string(), |manifest| {
        manifest["annotations"] = json!({BAD: BAD});
        manifest["layers"][0]["mediaType"] = BAD.into();
        manifest["artifactType"] = Value::Null;
    });
    let said = json!({"errors": [{"code": BAD, "message": BAD, "detail": BAD}]}).to_string();
    let unknown = manifest(|m| m["mediaType"] = BAD.into());
    let odd_entries = index(&[json!({"digest": BAD}), json!({"mediaType": BAD, "digest": 7})]);
    let attacks = [
        Attack::new("image", "", move |seen| image.answer(seen)).await,
        Attack::new("odd", "", move |seen| odd.answer(seen)).await,
        Attack::new("error", "forbidden", move |_| reply(403, said.clone())).await,
        Attack::new("type", "unsupported", move |_| reply(200, unknown.clone())).await,
        Attack::new("entries", "invalid-content", move |_| reply(200, odd_entries.clone())).await,
        Attack::new("scheme", "unauthorized", |_| reply(401, "").with("www-authenticate", "N\u{e9}gotiate\u{9b}31m"))
            .await,
    ];
    let scene = Scene::new().await;
    scene.endure(&attacks, &[]).await;
    let references: Vec<String> = attacks.iter().map(Attack::reference).collect();
    for shown in [&references[..], &references[..1]] {
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        let ran = scene.program.run(&[&["inspect", "-vvv", "--all-platforms"], &shown[..]].concat()).await;
        super::assert_harmless(&ran.stdout());
        super::assert_harmless(&ran.stderr);
        assert!(ran.stdout().contains("u{1b}[2J"), "{}", ran.stdout());
    }
}
