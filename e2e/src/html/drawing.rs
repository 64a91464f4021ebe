//! Starts, drawn: a lane for each build, so that the order can be seen. The same stands below each lane in words.

use maud::{Markup, html};

use crate::timeline::{Timeline, What};

const WIDTH: f64 = 1000.0;
/// Where the lanes begin; before that are their names.
const LEFT: f64 = 190.0;
const RIGHT: f64 = WIDTH - 30.0;
const LANE: f64 = 112.0;
/// Moments nearer than this are drawn above each other.
const NEAR: f64 = 22.0;

/// The drawing, as one SVG element.
pub(super) fn starts(timelines: &[&Timeline]) -> Markup {
    let last =
        timelines.iter().flat_map(|timeline| &timeline.moments).map(|moment| moment.at).max().unwrap_or(0).max(1);
    let x = |at: u64| LEFT + (RIGHT - LEFT) * at as f64 / last as f64;
    let height = LANE * timelines.len() as f64 + 28.0;
    let ticks = (0..=last).step_by(usize::try_from(step(last)).unwrap_or(1));
    html! {
        svg.starts viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
            aria-label="when things happened in each start" {
            @for at in ticks {
                line.tick x1=(round(x(at))) y1="4" x2=(round(x(at))) y2=(round(height - 22.0)) {}
                text.axis x=(round(x(at))) y=(round(height - 6.0)) { (at) }
            }
            @for (index, timeline) in timelines.iter().enumerate() { (lane(timeline, LANE * index as f64, &x)) }
        }
    }
}

/// A coordinate, to a tenth.
fn round(at: f64) -> String {
    format!("{at:.1}")
}

fn lane(timeline: &Timeline, top: f64, x: &dyn Fn(u64) -> f64) -> Markup {
    let base = top + 78.0;
    let end = timeline.moments.last().map_or(0, |moment| moment.at);
    let behind = if timeline.at(What::Runtime).is_some() { "after" } else { "blind" };
    let bars = match timeline.at(What::Sentry) {
        None => vec![("blind", 0, end)],
        Some(at) => vec![("before", 0, at), (behind, at, end)],
    };
    let mut previous: Option<(f64, f64)> = None;
    let mut level = |x: f64| {
        let level = match previous {
            Some((before, level)) if x - before < NEAR => (level + 1.0) % 3.0,
            _ => 0.0,
        };
        previous = Some((x, level));
        base - 20.0 - level * 23.0
    };
    html! {
        text.name x="0" y=(round(base - 8.0)) { (timeline.of) }
        text.loads x="0" y=(round(base + 8.0)) {
            @match timeline.loads { 0 => "no module", 1 => "1 module", loads => { (loads) " modules" } }
            " through the hooks"
        }
        @for (class, from, to) in bars {
            rect class=(class) x=(round(x(from))) y=(round(base - 6.0)) width=(round((x(to) - x(from)).max(1.0))) height="12" {}
        }
        @for moment in &timeline.moments {
            @let (x, letter) = (x(moment.at), moment.what.letter());
            @let y = level(x);
            g class=(format!("moment m{letter}")) {
                path d=(format!("M{} {}V{}", round(x), round(y), round(base + 6.0))) {}
                circle cx=(round(x)) cy=(round(y)) r="10" {}
                text x=(round(x)) y=(round(y + 4.0)) { (letter) }
            }
        }
        text.order x=(LEFT) y=(round(base + 24.0)) { (words(timeline)) }
    }
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
        let svg = starts(&[&right, &late, &blind]).into_string();
        assert!(svg.contains("S Sentry started 400 · M first module hooked 402 · R runtime"), "{svg}");
        assert!(svg.contains("L listening 500 · its hooks never saw the runtime"), "{svg}");
        assert!(svg.contains("L listening 90 · Sentry never started"), "{svg}");
        assert_eq!(svg.matches("class=\"after\"").count(), 1);
        assert_eq!(svg.matches("class=\"blind\"").count(), 2);
        assert_eq!(svg.matches("class=\"moment").count(), 7);
    }

    #[test]
    fn a_start_without_a_moment_is_drawn() {
        assert!(starts(&[&timeline(&[])]).into_string().contains(">never listened · Sentry never started<"));
        for last in [1, 89, 90, 1234, 1_000_000] {
            assert!(last / step(last) < 10, "{last}");
        }
    }
}
