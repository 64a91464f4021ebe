//! The page of the report in a real browser, which npm brings: it loads without an error, its filters filter, its rows open.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use presentry_e2e::cache::{Cache, Key};
use presentry_e2e::document::{Check, Document, Entry, Judged, OURS, SDK};
use presentry_e2e::evidence::{Evidence, Exports, Log, Phase};
use presentry_e2e::html;
use presentry_e2e::process::Invocation;
use presentry_e2e::report::{Overview, Wanted};
use presentry_e2e::timeline::{Moment, Timeline, What};
use presentry_e2e::toolchain::Toolchain;

const FILES: [(&str, &str); 5] = [
    (".npmrc", include_str!("../../browser/.npmrc")),
    ("package.json", include_str!("../../browser/package.json")),
    ("package-lock.json", include_str!("../../browser/package-lock.json")),
    ("unpack.mjs", include_str!("../../browser/unpack.mjs")),
    ("look.mjs", include_str!("../../browser/look.mjs")),
];

/// Chromium and what drives it.
struct Browser {
    toolchain: Toolchain,
    installed: PathBuf,
    work: tempfile::TempDir,
}

impl Browser {
    fn install() -> Browser {
        let work = tempfile::tempdir().unwrap();
        let toolchain = Toolchain::find(std::env::var_os("PATH").as_deref(), work.path()).unwrap();
        let cache = Cache::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-cache"), true).unwrap();
        let key = FILES.iter().fold(Key::default(), |key, (name, text)| key.with(name, text));
        let installed = cache.entry("chromium", &key, |directory| {
            for (name, text) in FILES {
                fs::write(directory.join(name), text)?;
            }
            let log = work.path().join("install.log");
            Invocation::new(&toolchain.npm, directory)
                .args(["ci", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"])
                .run_ok(&log, Duration::from_secs(300))?;
            fs::create_dir(directory.join("unpacked"))?;
            Invocation::new(&toolchain.node, directory)
                .arg("unpack.mjs")
                .env("TMPDIR", directory.join("unpacked"))
                .run_ok(&log, Duration::from_secs(120))
                .map(drop)
        });
        let installed = installed.unwrap().path;
        Browser { toolchain, installed, work }
    }

    /// What is wrong with a page, a line each.
    fn problems(&self, page: &str, cases: &serde_json::Value, pictures: &Path) -> String {
        let file = crate::write(self.work.path(), "page/index.html", page);
        fs::create_dir_all(pictures).unwrap();
        let look = Invocation::new(&self.toolchain.node, &self.installed)
            .arg("look.mjs")
            .arg(self.installed.join("unpacked/chromium"))
            .arg(file)
            .arg(cases.to_string())
            .arg(pictures)
            // Its profile.
            .env("TMPDIR", self.work.path());
        look.run_ok(&self.work.path().join("look.log"), Duration::from_secs(120)).unwrap().stdout
    }
}

fn check(oracle: u8, name: &str, passed: bool, known: Option<&str>) -> Check {
    let seen = if passed { "as it has to be" } else { "<script>alert('seen')</script> \"nothing\" came" };
    Check {
        oracle: Some(oracle),
        name: name.to_owned(),
        passed,
        seen: seen.to_owned(),
        known: known.map(str::to_owned),
        sources: Vec::new(),
    }
}

fn timeline(of: &str, moments: &[(What, u64)], loads: usize) -> Timeline {
    let moments = moments.iter().map(|(what, at)| Moment { what: *what, at: *at }).collect();
    Timeline { of: of.to_owned(), moments, loads }
}

fn entry(id: &str, preset: &str, third: Check) -> Entry {
    let ours = vec![
        check(1, "static proof", true, None),
        check(2, "runtime through hooks", true, None),
        third,
        Check { oracle: None, ..check(0, "restore gives back the original", true, None) },
    ];
    let sdk = vec![check(1, "static proof", true, None), check(4, "exports", false, Some("it wraps every export"))];
    let column = |key: &str, title: &str, checks| Judged { column: key.to_owned(), title: title.to_owned(), checks };
    let kinds = |kind: &str| [("default".to_owned(), kind.to_owned())].into();
    let exports = |of: &str, kind: &str| Exports { of: of.to_owned(), kinds: kinds(kind), error: None };
    let versions = [("node", "20.20.2"), ("npm", "11.19.1"), ("vinxi", "0.5.11"), ("@sentry/solidstart", "10.70.0")];
    Entry {
        id: id.to_owned(),
        about: "what this is there for, & <b>more</b>".to_owned(),
        preset: preset.to_owned(),
        server: true,
        date: "2026-11-22T14:37:32Z".to_owned(),
        system: "linux x86_64".to_owned(),
        seconds: 41.2,
        failed: usize::from(!ours[2].passed && ours[2].known.is_none()),
        versions: versions.map(|(name, version)| (name.to_owned(), version.to_owned())).into(),
        columns: vec![column(OURS, "presentry", ours), column(SDK, "SDK alone", sdk)],
        phases: [("npm ci", 12.7), ("vinxi build", 27.8), ("boot", 1.3)]
            .map(|(name, seconds)| Phase { name: name.to_owned(), seconds, cached: false })
            .into(),
        evidence: Evidence {
            timelines: vec![
                timeline(
                    "presentry",
                    &[
                        (What::Sentry, 812),
                        (What::FirstModule, 815),
                        (What::Runtime, 830),
                        (What::Listening, 990),
                        (What::Response, 1180),
                    ],
                    27,
                ),
                timeline("unrewritten", &[(What::Listening, 402), (What::Response, 600)], 0),
                timeline("top-level-import", &[(What::Sentry, 940), (What::Listening, 960), (What::Response, 1105)], 3),
            ],
            exports: vec![
                exports("unrewritten", "object of `Object`"),
                exports("presentry", "object of `Object`"),
                exports("SDK alone", "async function `default`, 0 parameters"),
            ],
            logs: vec![Log {
                name: "boot.log".to_owned(),
                command: "node .output/server/index.mjs".to_owned(),
                tail: "Listening\n</pre><script>alert('log')</script>".to_owned(),
                before: 12,
            }],
            ..Evidence::default()
        },
        ..Entry::default()
    }
}

#[test]
fn the_page_works_in_a_browser_and_broken_ones_are_seen() {
    let libraries = |passed, known| check(3, "instrumented libraries", passed, known);
    let document = Document {
        scenarios: vec![
            entry("basic", "node-server", libraries(true, None)),
            entry("basic@vinxi-0.4.3+nitropack-2.9.7", "node-server", libraries(false, Some("upstream"))),
            entry("preset-vercel", "vercel", libraries(false, None)),
        ],
        ..Document::default()
    };
    let wanted = document.scenarios.iter().map(|entry| (entry.id.as_str(), entry.preset.as_str()));
    let wanted: Vec<Wanted> = wanted
        .chain([("gone", "node-server")])
        .map(|(id, preset)| Wanted { id: id.to_owned(), about: String::new(), preset: preset.to_owned(), server: true })
        .collect();
    let page = html::page(&Overview::new(&document, &wanted, &[]));
    let old = "basic@vinxi-0.4.3+nitropack-2.9.7";
    let cases = serde_json::json!([
        { "text": "basic", "rows": [old, "basic"] },
        { "text": "BASIC upstream-of-nothing", "rows": [] },
        { "text": "nothing\" came", "rows": ["preset-vercel", old, "basic"] },
        { "kind": "platform", "rows": ["preset-vercel"] },
        { "kind": "versions", "rows": [old] },
        { "preset": "node-server", "text": "gone", "rows": ["gone"] },
        { "failing": true, "rows": ["preset-vercel", "gone"] },
        { "known": true, "rows": [old] },
        { "failing": true, "known": true, "kind": "app", "rows": ["gone"] },
    ]);
    let browser = Browser::install();
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    assert_eq!(browser.problems(&page, &cases, &pictures), "");
    for picture in ["light.png", "open.png", "dark.png", "phone-light.png", "phone-dark.png"] {
        assert!(fs::metadata(pictures.join(picture)).unwrap().len() > 10_000, "`{picture}` shows nothing");
    }

    // The controls: what looks at the page must see that it is broken.
    let broken = |from: &str, to: &str| {
        assert!(page.contains(from), "`{from}` is not in the page");
        let case = serde_json::json!([cases[0]]);
        browser.problems(&page.replace(from, to), &case, &browser.work.path().join("pictures"))
    };
    let script = broken("\"use strict\";", "\"use strict\"; throw new Error(\"it is broken\");");
    assert!(script.contains("error: it is broken"), "{script}");
    let filter = broken("one.row.hidden = !wanted;", "");
    assert!(filter.contains("rows of {\"text\":\"basic\"}: wanted"), "{filter}");
    let opens = broken("one.more.hidden = !wanted || one.row.hidden;", "");
    assert!(opens.contains("opened by a click: wanted"), "{opens}");
    let network = broken("</body>", "<img src=\"missing.png\" alt=\"\"></body>");
    assert!(network.contains("missing.png"), "{network}");
    let markup = broken("</body>", "<script>alert('seen')</script></body>");
    assert!(markup.contains("dialog: seen"), "{markup}");
    let phone = broken("</body>", "<p style=\"width: 900px\">wide</p></body>");
    assert!(phone.contains("phone: the page is"), "{phone}");
    let scheme = broken("prefers-color-scheme: dark", "prefers-color-scheme: no-preference");
    assert!(scheme.contains("dark: the ground is"), "{scheme}");
}
