//! Small panels of lines as an SVG that can be read on light and on dark pages.

use std::fmt::Write as _;

/// Of a panel's axes, in pixels.
const WIDTH: f64 = 170.0;
const HEIGHT: f64 = 130.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 52.0;
const BETWEEN: (f64, f64) = (62.0, 66.0);
/// At most so many steps on an axis.
const STEPS: f64 = 5.0;

const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#57606a}.title{font-size:12px;font-weight:600;fill:#24292f}\
.grid{stroke:#8c959f;stroke-opacity:.25}.axis{stroke:#8c959f}polyline{fill:none;stroke-width:2}\
.program{stroke:#0969da}.cpu{stroke:#bc4c00}.bare{stroke:#6e7781;stroke-dasharray:5 4}\
circle.program{fill:#0969da}circle.cpu{fill:#bc4c00}circle.bare{fill:#6e7781}\
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#f0f6fc}.program{stroke:#4493f8}\
.cpu{stroke:#f0883e}.bare{stroke:#9198a1}circle.program{fill:#4493f8}circle.cpu{fill:#f0883e}circle.bare{fill:#9198a1}}";

const LEGEND: [(&str, &str); 3] = [("program", "imagefacts"), ("cpu", "its CPU"), ("bare", "the bare client")];

/// Values over others.
pub(crate) struct Panel {
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// A line of a panel.
pub(crate) struct Line {
    /// one of those in the legend
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Draws a column for each of `columns`.
pub(crate) fn svg(columns: &[[Panel; 2]]) -> String {
    let width = LEFT + columns.len() as f64 * (WIDTH + BETWEEN.0) - BETWEEN.0 + 16.0;
    let height = TOP + 2.0 * (HEIGHT + BETWEEN.1) - BETWEEN.1 + 44.0;
    let mut out = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n");
    out.push_str("<title>How time, CPU and memory grow with pods, images, layers and latency</title>\n");
    let _ = writeln!(out, "<style>{STYLE}</style>");
    legend(&mut out);
    for (column, panels) in columns.iter().enumerate() {
        for (row, panel) in panels.iter().enumerate() {
            let x = LEFT + column as f64 * (WIDTH + BETWEEN.0);
            let y = TOP + row as f64 * (HEIGHT + BETWEEN.1);
            let _ = writeln!(out, "<g transform=\"translate({x} {y})\">");
            draw(panel, &mut out);
            out.push_str("</g>\n");
        }
    }
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String) {
    for (number, (name, words)) in LEGEND.iter().enumerate() {
        let x = LEFT + number as f64 * 110.0;
        let _ = writeln!(out, "<polyline class=\"{name}\" points=\"{x},12 {},12\"/>", x + 24.0);
        let _ = writeln!(out, "<text x=\"{}\" y=\"16\">{words}</text>", x + 30.0);
    }
}

fn draw(panel: &Panel, out: &mut String) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let (x, y) = (Axis::to(points().map(|point| point.0)), Axis::to(points().map(|point| point.1)));
    let _ = writeln!(out, "<text class=\"title\" x=\"{}\" y=\"-10\">{}</text>", -LEFT + 16.0, panel.y);
    for value in y.ticks() {
        let at = HEIGHT - y.at(value) * HEIGHT;
        let _ = writeln!(out, "<line class=\"grid\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let _ = writeln!(out, "<text x=\"-6\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", at + 4.0, short(value));
    }
    for value in x.ticks() {
        let at = x.at(value) * WIDTH;
        let y = HEIGHT + 16.0;
        let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", short(value));
    }
    let _ = writeln!(out, "<line class=\"axis\" x2=\"{WIDTH}\" y1=\"{HEIGHT}\" y2=\"{HEIGHT}\"/>");
    let (middle, below) = (WIDTH / 2.0, HEIGHT + 32.0);
    let _ = writeln!(out, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", panel.x);
    for Line { name, points } in &panel.lines {
        let place = |(across, up): &(f64, f64)| (x.at(*across) * WIDTH, HEIGHT - y.at(*up) * HEIGHT);
        let places: Vec<(f64, f64)> = points.iter().map(place).collect();
        let text: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(out, "<polyline class=\"{name}\" points=\"{}\"/>", text.join(" "));
        for (x, y) in places {
            let _ = writeln!(out, "<circle class=\"{name}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>");
        }
    }
}

/// From 0 to a round number.
struct Axis {
    step: f64,
    end: f64,
}

impl Axis {
    /// As far as the largest of `values`.
    fn to(values: impl Iterator<Item = f64>) -> Self {
        let largest = values.fold(f64::MIN_POSITIVE, f64::max);
        let power = 10_f64.powf((largest / STEPS).log10().floor());
        let rounds = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = rounds.into_iter().find(|step| largest / step <= STEPS).unwrap_or(10.0 * power);
        Self { step, end: (largest / step).ceil() * step }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let (step, end) = (self.step, self.end);
        (0_u8..).map(move |number| f64::from(number) * step).take_while(move |value| *value <= end * 1.001)
    }

    fn at(&self, value: f64) -> f64 {
        value / self.end
    }
}

/// `20k` for 20,000.
fn short(value: f64) -> String {
    if value >= 1000.0 { format!("{}k", value / 1000.0) } else { format!("{}", (value * 1000.0).round() / 1000.0) }
}
