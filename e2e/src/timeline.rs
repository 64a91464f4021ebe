//! When things happened in a start: the process, Sentry, the runtime, the first answer. Draws nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::trace::{self, Event, RuntimeModules};

/// A start as it was watched, in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// When the process was started.
    pub started: u64,
    /// When it said that it listens.
    pub listened: Option<u64>,
    /// When the first response had come.
    pub answered: Option<u64>,
    /// What the hooks of the instrumentation saw.
    pub events: Vec<Event>,
}

/// A start as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// Which build was started.
    pub of: String,
    /// What happened, in the order in which it did.
    pub moments: Vec<Moment>,
    /// How many modules went through the hooks.
    pub loads: usize,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// What.
    pub what: What,
    /// Milliseconds after the process was started.
    pub at: u64,
}

/// What can happen in a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The instrumentation was evaluated, `Sentry.init()` in it.
    Sentry,
    /// The first module came to the hooks that the instrumentation had registered.
    FirstModule,
    /// The chunk that holds the runtime came to these hooks.
    Runtime,
    /// The server said that it listens.
    Listening,
    /// The first request was answered.
    Response,
}

impl What {
    /// All of them, in the order of a right start.
    pub const ALL: [What; 5] = [What::Sentry, What::FirstModule, What::Runtime, What::Listening, What::Response];

    /// The letter that stands for it in a drawing.
    pub fn letter(self) -> char {
        match self {
            What::Sentry => 'S',
            What::FirstModule => 'M',
            What::Runtime => 'R',
            What::Listening => 'L',
            What::Response => 'A',
        }
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            What::Sentry => "Sentry started",
            What::FirstModule => "first module hooked",
            What::Runtime => "runtime hooked",
            What::Listening => "listening",
            What::Response => "answered",
        }
    }
}

impl Timeline {
    /// The timeline of a start; `modules` say which of the loads was the runtime's.
    pub fn new(of: &str, watched: &Watched, modules: &RuntimeModules) -> Timeline {
        let events = &watched.events;
        let sentry = events.iter().find_map(|event| match event {
            Event::Instrumentation { time } => *time,
            Event::Load { .. } => None,
        });
        let load = |wanted: &dyn Fn(&str) -> bool| {
            events.iter().find_map(|event| match event {
                Event::Load { url, time } if wanted(url) => *time,
                _ => None,
            })
        };
        let times = What::ALL.map(|what| match what {
            What::Sentry => sentry,
            What::FirstModule => load(&|_| true),
            What::Runtime => load(&|url| trace::is_module(url, &modules.chunk)),
            What::Listening => watched.listened,
            What::Response => watched.answered,
        });
        let mut moments: Vec<Moment> = What::ALL
            .into_iter()
            .zip(times)
            .filter_map(|(what, time)| Some(Moment { what, at: time?.saturating_sub(watched.started) }))
            .collect();
        // What happened in one millisecond stays in the order of a right start.
        moments.sort_by_key(|moment| moment.at);
        let loads = events.iter().filter(|event| matches!(event, Event::Load { .. })).count();
        Timeline { of: of.to_owned(), moments, loads }
    }

    /// When something happened, in milliseconds after the start of the process.
    pub fn at(&self, what: What) -> Option<u64> {
        self.moments.iter().find(|moment| moment.what == what).map(|moment| moment.at)
    }
}

/// The time now, in milliseconds since 1970.
pub fn now() -> u64 {
    milliseconds(SystemTime::now())
}

/// A time in milliseconds since 1970, which is what `Date.now()` gives.
pub fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(url: &str, time: u64) -> Event {
        Event::Load { url: url.to_owned(), time: Some(time) }
    }

    #[test]
    fn a_start_is_told_in_its_order_from_its_own_beginning() {
        let modules = RuntimeModules { moved_entry: None, chunk: "chunks/nitro.mjs".into() };
        let events = vec![
            Event::Instrumentation { time: Some(1400) },
            load("file:///app/entry.mjs", 1420),
            load("file:///app/chunks/nitro.mjs?iitm=true", 1425),
            load("file:///app/chunks/nitro.mjs", 1430),
        ];
        let watched = Watched { started: 1000, listened: Some(1500), answered: Some(1600), events };
        let timeline = Timeline::new("ours", &watched, &modules);
        let told: Vec<(char, u64)> = timeline.moments.iter().map(|moment| (moment.what.letter(), moment.at)).collect();
        assert_eq!(told, [('S', 400), ('M', 420), ('R', 430), ('L', 500), ('A', 600)]);
        assert_eq!(timeline.loads, 3);
    }

    #[test]
    fn what_did_not_happen_is_not_told_and_what_came_late_comes_late() {
        let modules = RuntimeModules { moved_entry: None, chunk: "chunks/nitro.mjs".into() };
        let events = vec![Event::Instrumentation { time: Some(1700) }];
        let watched = Watched { started: 1000, listened: Some(1500), answered: None, events };
        let timeline = Timeline::new("top-level import", &watched, &modules);
        let told: Vec<What> = timeline.moments.iter().map(|moment| moment.what).collect();
        assert_eq!(told, [What::Listening, What::Sentry]);
        assert_eq!(timeline.at(What::Runtime), None);
        let events = vec![Event::Instrumentation { time: None }];
        assert_eq!(Timeline::new("old", &Watched { events, ..Watched::default() }, &modules).moments, []);
    }
}
