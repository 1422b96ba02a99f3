//! The plot: CPU time per line, and memory, against the number of streams, both axes logarithmic.

use std::fmt::Write;

/// A reader with so many streams.
pub(crate) struct Point {
    pub(crate) reader: String,
    pub(crate) streams: usize,
    /// Microseconds per line.
    pub(crate) cpu: f64,
    /// MiB.
    pub(crate) memory: f64,
}

const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 260.0;
const MARGIN: f64 = 60.0;

/// Both panels as SVG; `None` if there is nothing to connect.
pub(crate) fn plot(points: &[Point]) -> Option<String> {
    let mut readers: Vec<&str> = Vec::new();
    for point in points.iter().filter(|point| point.cpu > 0.0 && point.memory > 0.0) {
        if !readers.contains(&point.reader.as_str()) {
            readers.push(&point.reader);
        }
    }
    if readers.is_empty() {
        return None;
    }
    let (wide, high) = (2.0 * (WIDTH + MARGIN) + MARGIN, HEIGHT + 2.0 * MARGIN + 18.0 * readers.len() as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{wide}\" height=\"{high}\" fill=\"#fff\"/>\n"
    );
    panel(&mut svg, MARGIN, "CPU µs per line", &readers, points, |point| point.cpu);
    panel(&mut svg, 2.0 * MARGIN + WIDTH, "memory, MiB", &readers, points, |point| point.memory);
    for (number, reader) in readers.iter().enumerate() {
        let (y, colour) =
            (HEIGHT + 2.0 * MARGIN + 18.0 * number as f64 - 10.0, COLOURS[number % COLOURS.len()]);
        let _ = writeln!(
            svg,
            "<rect x=\"{MARGIN}\" y=\"{}\" width=\"20\" height=\"4\" fill=\"{colour}\"/>",
            y - 6.0
        );
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{y}\">{reader}</text>", MARGIN + 28.0);
    }
    Some(svg + "</svg>\n")
}

/// Powers of ten around these values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (i32, i32) {
    let least = values.clone().fold(f64::INFINITY, f64::min).log10().floor() as i32;
    let most = values.fold(f64::NEG_INFINITY, f64::max).log10().ceil() as i32;
    (least, most.max(least + 1))
}

fn panel(
    svg: &mut String,
    left: f64,
    title: &str,
    readers: &[&str],
    points: &[Point],
    value: fn(&Point) -> f64,
) {
    let shown = points.iter().filter(|point| value(point) > 0.0);
    let (first, last) = decades(shown.clone().map(|point| point.streams as f64));
    let (low, high) = decades(shown.clone().map(value));
    let x = |streams: f64| left + (streams.log10() - f64::from(first)) / f64::from(last - first) * WIDTH;
    let y = |value: f64| MARGIN + (f64::from(high) - value.log10()) / f64::from(high - low) * HEIGHT;
    let (right, bottom) = (left + WIDTH, MARGIN + HEIGHT);
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{title}</text>", MARGIN - 14.0);
    for power in low..=high {
        let (value, at) = (10f64.powi(power), y(10f64.powi(power)));
        let _ = writeln!(svg, "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            left - 6.0,
            at + 4.0
        );
    }
    for power in first..=last {
        let (value, at) = (10f64.powi(power), x(10f64.powi(power)));
        let _ = writeln!(svg, "<path d=\"M{at:.1} {MARGIN}V{bottom}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>",
            bottom + 18.0
        );
    }
    let _ = writeln!(svg, "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">streams</text>", bottom + 34.0);
    for (number, reader) in readers.iter().enumerate() {
        let mut of_reader: Vec<&Point> = shown.clone().filter(|point| point.reader == *reader).collect();
        of_reader.sort_by_key(|point| point.streams);
        let places: Vec<(f64, f64)> =
            of_reader.iter().map(|point| (x(point.streams as f64), y(value(point)))).collect();
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let colour = COLOURS[number % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for (x, y) in places {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>");
        }
    }
}
