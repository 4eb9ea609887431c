//! What `optimize` shows: where bytes are spent, and what could be saved.

use super::{SHORTEST_REFERENCE, add_line, reference};
use crate::analyze::{Optimization, Reason, Saving, Spent};
use crate::text::{columns, count, keep_end, shorten, size};

/// Where bytes are spent, for a person.
pub fn optimize(optimization: &Optimization, width: usize) -> String {
    let costs = optimization.basis.cost_per_gib.is_some();
    let mut rows = vec![["IMAGE", "SIZE", "NODES", "PULLS/DAY", "BYTES/DAY", "COST/DAY"].map(str::to_owned).to_vec()];
    rows.extend(optimization.images.iter().map(row));
    rows.push(total(optimization));
    if !costs {
        rows.iter_mut().for_each(|row| row.truncate(5));
    }
    shorten(&mut rows, (0, SHORTEST_REFERENCE), keep_end, width);
    let mut text = columns(&rows);
    text.push_str("\nSIZE is compressed, of the largest platform; the total has each layer once.\n");
    text.push_str("BYTES/DAY is the most: as if nodes had none of an image's layers before.\n");
    if let Some(bytes) = optimization.total.unused_bytes_on_disk {
        text.push_str(&format!("Images that nothing uses take {} on the nodes' disks.\n", size(bytes)));
    }
    if !optimization.savings.is_empty() {
        text.push_str("\nWhat could be saved, most first\n\n");
    }
    for saving in &optimization.savings {
        add_saving(&mut text, saving, width);
    }
    text
}

fn row(image: &Spent) -> Vec<String> {
    let unknown = || "-".to_owned();
    vec![
        reference(&image.reference),
        image.compressed_bytes.map_or_else(unknown, size),
        image.nodes.len().to_string(),
        image.pulls_per_day.map_or_else(unknown, |pulls| format!("{pulls:.1}")),
        image.transferred_bytes_per_day.map_or_else(unknown, size),
        image.cost_per_day.map_or_else(unknown, |cost| format!("{cost:.2}")),
    ]
}

fn total(optimization: &Optimization) -> Vec<String> {
    let unknown = || "-".to_owned();
    let total = &optimization.total;
    vec![
        "total".to_owned(),
        size(total.compressed_bytes),
        String::new(),
        String::new(),
        total.transferred_bytes_per_day.map_or_else(unknown, size),
        total.cost_per_day.map_or_else(unknown, |cost| format!("{cost:.2}")),
    ]
}

fn add_saving(text: &mut String, saving: &Saving, width: usize) {
    let amounts = [
        saving.compressed_bytes.map(size),
        saving.bytes_on_disk.map(|bytes| format!("{} on disk", size(bytes))),
        saving.transferred_bytes_per_day.map(|bytes| format!("{} a day", size(bytes))),
    ];
    let amount = amounts.into_iter().flatten().next().unwrap_or_else(|| "not known".to_owned());
    add_line(text, 0, &format!("{amount:<18}  {}", saving.subject), width);
    add_line(text, 4, &why(saving), width);
    add_line(text, 4, &format!("-> {}", saving.how), width);
}

fn why(saving: &Saving) -> String {
    match &saving.reason {
        Reason::SeveralVersions { versions, .. } => {
            let version =
                |name: &str| name.strip_prefix(&saving.subject).unwrap_or(name).trim_start_matches(':').to_owned();
            let versions: Vec<String> = versions.iter().map(|one| version(&one.name)).collect();
            format!("several versions: {}", versions.join(", "))
        }
        Reason::DifferentBases { platform, bases, .. } => {
            let bases = bases.iter().map(|base| base.name.as_str()).collect::<Vec<_>>();
            let on = saving.images.join(", ");
            format!("different bases for {platform}: {}, below {on}", bases.join(", "))
        }
        Reason::PulledAlways { containers } => {
            format!("a tag that may change, pulled at each start of {}", containers.join(", "))
        }
        Reason::UnusedOnNodes { bytes_on_node, nodes } => {
            format!("unused: up to {} on {}", size(*bytes_on_node), count(*nodes, "node"))
        }
        Reason::LargeLayer { .. } => "a very large image: so much is its largest layer".to_owned(),
    }
}
