//! The plot of a run, as an SVG that can be read on a light and on a dark page.

use std::ops::Range;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figures::{Figures, Started};
use super::{AHEAD, BUNDLED};

const WIDTH: u32 = 960;
const BAR: u32 = 14;
const GAP: u32 = 16;
/// For the title of a fixture, and for its axis.
const HEADER: u32 = 40;
const FOOTER: u32 = 44;
const LEGEND: u32 = 56;
/// For the labels of the contenders.
const LEFT: i32 = 290;
const RIGHT: i32 = 70;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(31, 35, 40);
const LINE: RGBColor = RGBColor(208, 215, 222);
/// One for each Node: told apart by those who see few colours, and seen on white and on black. With more they begin anew.
const BARS: [RGBColor; 4] =
    [RGBColor(46, 125, 196), RGBColor(230, 145, 20), RGBColor(40, 160, 120), RGBColor(170, 110, 190)];

/// Swaps paper, ink and lines where the reader's system is dark. A page that is dark on its own account shows the light form,
/// which has a paper of its own.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) {\
    rect[fill=\"#FFFFFF\"] { fill: #0D1117 } text { fill: #E6EDF3 } \
    polyline[stroke=\"#D0D7DE\"] { stroke: #30363D } \
    polyline[stroke=\"#1F2328\"] { stroke: #E6EDF3 } }</style>";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the medians of a run: a bar for each contender under each Node, with the ratio at its end and a line from the fastest
/// run to the slowest, fixture below fixture.
///
/// # Errors
/// When there is nothing to draw.
pub fn plot(figures: &Figures) -> Result<String> {
    let fixtures = distinct(figures.starts.iter().map(|one| one.fixture.as_str()));
    let nodes = distinct(figures.starts.iter().map(|one| one.node.as_str()));
    let labels = distinct(figures.starts.iter().map(|one| one.label));
    let slowest = figures.starts.iter().map(|one| one.extremes().1).fold(0.0, f64::max);
    if slowest <= 0.0 {
        return Err(anyhow!("nothing was measured that could be drawn"));
    }
    let [rows, bars] = [&labels, &nodes].map(|all| u32::try_from(all.len()).unwrap_or(u32::MAX));
    let panel = HEADER + rows * (bars * BAR + GAP) + FOOTER;
    let height = LEGEND + panel * u32::try_from(fixtures.len())?;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        root.fill(&PAPER).map_err(failed)?;
        let (top, below) = root.split_vertically(LEGEND);
        legend(&top, &nodes)?;
        for (fixture, area) in fixtures.iter().zip(below.split_evenly((fixtures.len(), 1))) {
            let of_fixture: Vec<&Started> = figures.starts.iter().filter(|one| one.fixture == *fixture).collect();
            draw(&area, fixture, &Panel { figures, starts: &of_fixture, nodes: &nodes, labels: &labels, slowest })?;
        }
        root.present().map_err(failed)?;
    }
    let head = svg.find("<svg").and_then(|at| Some(at + svg[at..].find('>')? + 1));
    svg.insert_str(head.context("the library drew no SVG")?, DARK);
    Ok(svg)
}

/// What one fixture is drawn of.
struct Panel<'a> {
    figures: &'a Figures,
    starts: &'a [&'a Started],
    nodes: &'a [&'a str],
    labels: &'a [&'a str],
    slowest: f64,
}

fn legend(area: &Area<'_>, nodes: &[&str]) -> Result<()> {
    let title = "time from start to \"Listening\" (median, fastest to slowest), and its ratio to --import";
    area.draw_text(title, &text(18, HPos::Left), (16, 18)).map_err(failed)?;
    let mut x = 16;
    for (at, node) in nodes.iter().enumerate() {
        let square = [(x, 34), (x + 12, 46)];
        area.draw(&Rectangle::new(square, bar_colour(at).filled())).map_err(failed)?;
        area.draw_text(&format!("Node.js {node}"), &text(16, HPos::Left), (x + 18, 40)).map_err(failed)?;
        x += 150;
    }
    Ok(())
}

fn draw(area: &Area<'_>, fixture: &str, panel: &Panel<'_>) -> Result<()> {
    let (width, height) = area.dim_in_pixel();
    let step = to_i32(panel.nodes.len())? * to_i32(BAR)? + to_i32(GAP)?;
    let (top, bottom) = (to_i32(HEADER)?, to_i32(height - FOOTER)?);
    area.draw_text(fixture, &text(18, HPos::Left), (16, top - 20)).map_err(failed)?;
    let across = LEFT..to_i32(width)? - RIGHT;
    let time = Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(0.0..panel.slowest, 0.0..1.0, (across, top..bottom));
    let x = |ms: f64| time.translate(&(ms, 0.0)).0;
    axis(area, panel.slowest, &x, top..bottom)?;
    for (row, label) in panel.labels.iter().enumerate() {
        let above = top + to_i32(row)? * step + to_i32(GAP)? / 2;
        let middle = above + (step - to_i32(GAP)?) / 2;
        area.draw_text(&named(label), &text(16, HPos::Right), (LEFT - 10, middle)).map_err(failed)?;
        for (at, node) in panel.nodes.iter().enumerate() {
            let Some(one) = panel.starts.iter().find(|one| one.label == *label && one.node == *node) else { continue };
            let y = above + to_i32(at)? * to_i32(BAR)?;
            let bar = [(LEFT, y + 1), (x(one.median_ms()), y + to_i32(BAR)? - 1)];
            area.draw(&Rectangle::new(bar, bar_colour(at).filled())).map_err(failed)?;
            let (fastest, slowest) = one.extremes();
            let centre = y + to_i32(BAR)? / 2;
            let spread = vec![(x(fastest), centre), (x(slowest), centre)];
            area.draw(&PathElement::new(spread, INK.stroke_width(1))).map_err(failed)?;
            let ratio = format!("{:.2}", panel.figures.ratio(one));
            let end = x(slowest.max(one.median_ms())) + 6;
            area.draw_text(&ratio, &text(15, HPos::Left), (end, centre)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Vertical lines at round times, with the times below.
fn axis(area: &Area<'_>, slowest: f64, x: &dyn Fn(f64) -> i32, rows: Range<i32>) -> Result<()> {
    let ticks = RangedCoordf64::from(0.0..slowest).key_points(8);
    for tick in ticks {
        let line = vec![(x(tick), rows.start), (x(tick), rows.end)];
        area.draw(&PathElement::new(line, LINE.stroke_width(1))).map_err(failed)?;
        area.draw_text(&format!("{tick:.0} ms"), &text(15, HPos::Center), (x(tick), rows.end + 14)).map_err(failed)?;
    }
    Ok(())
}

/// The library writes sizes that are a quarter smaller.
fn text(size: u32, across: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_text_style(&(WIDTH, WIDTH)).color(&INK).pos(Pos::new(across, VPos::Center))
}

fn bar_colour(at: usize) -> RGBColor {
    BARS[at % BARS.len()]
}

/// The name of a bar: what `presentry` does without flags is called so.
fn named(label: &str) -> String {
    match label {
        BUNDLED | AHEAD => format!("default ({label})"),
        _ => label.to_owned(),
    }
}

/// Each once, in the order of their first place.
fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

fn to_i32<T: TryInto<i32>>(pixels: T) -> Result<i32>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    pixels.try_into().context("the plot is too large")
}

/// The errors of the library borrow what was drawn on.
fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("failed to draw: {error}")
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::measured;
    use super::*;

    #[test]
    fn the_plot_has_every_label_and_ratio() {
        let svg = plot(&measured()).unwrap();
        let drawn = |text: &str| svg.contains(&format!(">\n{text}\n</text>"));
        for text in [
            "--import",
            "--no-bundle-sdk",
            "default (--bundle-sdk)",
            "basic",
            "database",
            "Node.js 20.1.0",
            "Node.js 22.1.0",
        ] {
            assert!(drawn(text), "`{text}` in {svg}");
        }
        assert!(drawn("0.40") && drawn("1.00"), "{svg}");
        assert!(!drawn("SDK dynamic"), "what was not measured is not drawn");
    }

    #[test]
    fn longer_times_are_longer_bars() {
        let svg = plot(&measured()).unwrap();
        let bars = svg.lines().filter(|line| line.starts_with("<rect x=\"290\""));
        let width = |line: &str| line.split("width=\"").nth(1)?.split('"').next()?.parse::<f64>().ok();
        let widths: Vec<f64> = bars.filter_map(width).collect();
        assert_eq!(widths.len(), measured().starts.len());
        // `--import` and `--bundle-sdk` of the first fixture under the first Node, whose bars lie above those of the second.
        assert!((widths[4] / widths[0] - 0.4).abs() < 0.01, "{widths:?}");
    }

    #[test]
    fn dark_systems_get_their_colours() {
        let svg = plot(&measured()).unwrap();
        assert!(svg.starts_with("<svg") && svg.find(DARK) < svg.find("<rect"), "{svg}");
        for colour in ["fill=\"#FFFFFF\"", "stroke=\"#D0D7DE\"", "stroke=\"#1F2328\""] {
            assert!(svg.contains(colour), "the style names `{colour}`, which nothing has");
        }
    }

    #[test]
    fn nothing_is_no_plot() {
        assert!(plot(&Figures::default()).is_err());
    }
}
