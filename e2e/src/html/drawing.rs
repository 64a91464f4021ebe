//! Starts, drawn: a lane for each build, so that the order can be seen. The same stands below each lane in words.

use std::fmt::Write;

use super::escape;
use crate::timeline::{Timeline, What};

const WIDTH: f64 = 1000.0;
/// Where the lanes begin; before that are their names.
const LEFT: f64 = 190.0;
const RIGHT: f64 = WIDTH - 30.0;
const LANE: f64 = 112.0;
/// Moments nearer than this are drawn above each other.
const NEAR: f64 = 22.0;

/// The drawing, as one SVG element.
pub(super) fn starts(timelines: &[Timeline]) -> String {
    let last =
        timelines.iter().flat_map(|timeline| &timeline.moments).map(|moment| moment.at).max().unwrap_or(0).max(1);
    let x = |at: u64| LEFT + (RIGHT - LEFT) * at as f64 / last as f64;
    let height = LANE * timelines.len() as f64 + 28.0;
    let mut svg = format!(
        "<svg class=\"starts\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"when things happened in each start\">"
    );
    let step = step(last);
    for at in (0..=last).step_by(usize::try_from(step).unwrap_or(1)) {
        let x = x(at);
        let _ = write!(
            svg,
            "<line class=\"tick\" x1=\"{x:.1}\" y1=\"4\" x2=\"{x:.1}\" y2=\"{:.0}\"/>\
             <text class=\"axis\" x=\"{x:.1}\" y=\"{:.0}\">{at}</text>",
            height - 22.0,
            height - 6.0
        );
    }
    for (index, timeline) in timelines.iter().enumerate() {
        lane(&mut svg, timeline, LANE * index as f64, &x);
    }
    svg.push_str("</svg>");
    svg
}

fn lane(svg: &mut String, timeline: &Timeline, top: f64, x: &dyn Fn(u64) -> f64) {
    let base = top + 78.0;
    let end = timeline.moments.last().map_or(0, |moment| moment.at);
    let sentry = timeline.at(What::Sentry);
    let _ = write!(
        svg,
        "<text class=\"name\" x=\"0\" y=\"{:.0}\">{}</text><text class=\"loads\" x=\"0\" y=\"{:.0}\">{} through the hooks</text>",
        base - 8.0,
        escape(&timeline.of),
        base + 8.0,
        match timeline.loads {
            0 => "no module".to_owned(),
            1 => "1 module".to_owned(),
            loads => format!("{loads} modules"),
        }
    );
    let mut bar = |class: &str, from: u64, to: u64| {
        let (from, to) = (x(from), x(to));
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.0}\" width=\"{:.1}\" height=\"12\"/>",
            base - 6.0,
            (to - from).max(1.0)
        );
    };
    match sentry {
        None => bar("blind", 0, end),
        Some(at) => {
            bar("before", 0, at);
            bar(if timeline.at(What::Runtime).is_some() { "after" } else { "blind" }, at, end);
        }
    }
    let mut previous: Option<(f64, f64)> = None;
    for moment in &timeline.moments {
        let x = x(moment.at);
        let level = match previous {
            Some((before, level)) if x - before < NEAR => (level + 1.0) % 3.0,
            _ => 0.0,
        };
        previous = Some((x, level));
        let y = base - 20.0 - level * 23.0;
        let letter = moment.what.letter();
        let _ = write!(
            svg,
            "<g class=\"moment m{letter}\"><title>{} after {} ms</title><line x1=\"{x:.1}\" y1=\"{y:.0}\" x2=\"{x:.1}\" y2=\"{:.0}\"/>\
             <circle cx=\"{x:.1}\" cy=\"{y:.0}\" r=\"10\"/><text x=\"{x:.1}\" y=\"{:.0}\">{letter}</text></g>",
            moment.what.words(),
            moment.at,
            base + 6.0,
            y + 4.0
        );
    }
    let _ =
        write!(svg, "<text class=\"order\" x=\"{LEFT}\" y=\"{:.0}\">{}</text>", base + 24.0, escape(&words(timeline)));
}

/// The moments in words, and what did not come.
fn words(timeline: &Timeline) -> String {
    let mut told: Vec<String> = timeline
        .moments
        .iter()
        .map(|moment| format!("{} {} {}", moment.what.letter(), moment.what.words(), moment.at))
        .collect();
    if timeline.at(What::Listening).is_none() {
        told.push("never listened".to_owned());
    }
    match (timeline.at(What::Sentry), timeline.at(What::Runtime)) {
        (None, _) => told.push("Sentry never started".to_owned()),
        (Some(_), None) => told.push("its hooks never saw the runtime".to_owned()),
        (Some(_), Some(_)) => {}
    }
    told.join(" · ")
}

/// Round steps, at most nine of them.
fn step(last: u64) -> u64 {
    let steps = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];
    steps.into_iter().find(|step| last / step < 9).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Moment;

    fn timeline(moments: &[(What, u64)]) -> Timeline {
        let moments = moments.iter().map(|(what, at)| Moment { what: *what, at: *at }).collect();
        Timeline { of: "presentry".to_owned(), moments, loads: 27 }
    }

    #[test]
    fn a_lane_says_what_came_and_what_did_not() {
        let right =
            timeline(&[(What::Sentry, 400), (What::FirstModule, 402), (What::Runtime, 410), (What::Listening, 500)]);
        let late = timeline(&[(What::Sentry, 450), (What::Listening, 500)]);
        let blind = timeline(&[(What::Listening, 90)]);
        let svg = starts(&[right, late, blind]);
        assert!(svg.contains("S Sentry started 400 · M first module hooked 402 · R runtime"), "{svg}");
        assert!(svg.contains("L listening 500 · its hooks never saw the runtime"), "{svg}");
        assert!(svg.contains("L listening 90 · Sentry never started"), "{svg}");
        assert_eq!(svg.matches("class=\"after\"").count(), 1);
        assert_eq!(svg.matches("class=\"blind\"").count(), 2);
        assert_eq!(svg.matches("class=\"moment").count(), 7);
    }

    #[test]
    fn a_start_without_a_moment_is_drawn() {
        assert!(starts(&[timeline(&[])]).contains(">never listened · Sentry never started<"));
        for last in [1, 89, 90, 1234, 1_000_000] {
            assert!(last / step(last) < 10, "{last}");
        }
    }
}
