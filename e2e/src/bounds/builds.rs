//! The build that a text is put into, and the places that it can have there.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What a text is to the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The instrumentation, before it starts Sentry.
    Instrumentation,
    /// The entry.
    Entry,
    /// A chunk that the runtime imports, and that imports the entry back.
    Chunk,
    /// The chunk that is the runtime.
    Runtime,
    /// The source of an instrumentation that the build lacks.
    Source,
}

impl Place {
    /// All of them.
    pub const ALL: [Place; 5] = [Place::Instrumentation, Place::Entry, Place::Chunk, Place::Runtime, Place::Source];
}

/// A build that is large as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Large {
    /// One chunk that names nothing of the build, of 200 MB.
    Chunk,
    /// 50,000 chunks, of which the runtime loads each.
    Files,
}

impl Large {
    pub(super) const ALL: [Large; 2] = [Large::Chunk, Large::Files];

    pub(super) fn name(self) -> &'static str {
        match self {
            Large::Chunk => "a chunk of 200 MB",
            Large::Files => "50,000 files",
        }
    }

    /// Writes the build to `app`, which must not exist.
    pub(super) fn write(self, app: &Path) -> Result<()> {
        let chunks = app.join(".output/server/chunks/build");
        let chunk = |name: &str, text: &[u8]| {
            let file = chunks.join(name);
            fs::write(&file, text).with_context(|| format!("failed to write `{}`", file.display()))
        };
        match self {
            Large::Chunk => {
                write(app, Place::Runtime, "const large = () => import('../build/large.mjs');\n")?;
                // Not a module, so that parsing it would be seen.
                chunk("large.mjs", "((b('text');\n".repeat(200_000_000 / 13).as_bytes())
            }
            Large::Files => {
                let names = (0..50_000).map(|number| format!("route-{number}.mjs"));
                let loads = names
                    .clone()
                    .map(|name| format!("const _{} = () => import('../build/{name}');\n", &name[6..name.len() - 4]));
                write(app, Place::Runtime, &loads.collect::<String>())?;
                names.into_iter().try_for_each(|name| {
                    chunk(&name, b"import { n } from '../nitro/nitro.mjs';\nexport default () => n;\n")
                })
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Place::Instrumentation => "instrumentation",
            Place::Entry => "entry",
            Place::Chunk => "chunk",
            Place::Runtime => "runtime",
            Place::Source => "source",
        })
    }
}

const NITRO: &str = r#"{ "date": "2026-01-01T00:00:00.000Z", "preset": "node-server",
  "framework": { "name": "nitro", "version": "2.13.5" }, "versions": { "nitro": "2.13.5" },
  "commands": { "preview": "node server/index.mjs" }, "config": {} }"#;
const ENTRY: &str = "export { n as default } from './chunks/nitro/nitro.mjs';\nimport '@sentry/solidstart';\n";
const RUNTIME: &str = "import { createServer } from 'node:http';\nimport '../build/index.mjs';\n\
    const n = { prefix: process.env.NITRO_ENV_PREFIX ?? 'NITRO_' };\ncreateServer(() => {}).listen(3000);\nexport { n };\n";
const CHUNK: &str = "const back = () => import('../../index.mjs');\nexport default back;\n";
const SDK: &str =
    r#"{ "name": "@sentry/solidstart", "version": "10.70.0", "type": "module", "exports": "./index.js" }"#;

/// Writes a small build to `app`, which must not exist, with the text in its place.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(app: &Path, place: Place, text: &str) -> Result<()> {
    let at = |this: Place, before: &str, after: &str| match place == this {
        true => format!("{before}{text}{after}"),
        false => format!("{before}{after}"),
    };
    let import = "import * as Sentry from '@sentry/solidstart';\n";
    let init = "Sentry.init({ tracesSampleRate: 1 });\n";
    let server = app.join(".output/server");
    let mut files = vec![
        (app.join(".output/nitro.json"), NITRO.to_owned()),
        (server.join("package.json"), "{ \"type\": \"module\" }".to_owned()),
        (server.join("index.mjs"), at(Place::Entry, ENTRY, "")),
        (server.join("chunks/nitro/nitro.mjs"), at(Place::Runtime, RUNTIME, "")),
        (server.join("chunks/build/index.mjs"), at(Place::Chunk, CHUNK, "")),
        (server.join("node_modules/@sentry/solidstart/package.json"), SDK.to_owned()),
        (server.join("node_modules/@sentry/solidstart/index.js"), "export const init = () => {};\n".to_owned()),
    ];
    // What the texts import lies beside each of them.
    for directory in [&server, &server.join("chunks/nitro"), &server.join("chunks/build"), &app.join("src")] {
        files.push((directory.join("bounds.mjs"), "export const a = 1;\n".to_owned()));
    }
    files.push(match place {
        Place::Source => (app.join("src/instrument.server.ts"), at(Place::Source, import, init)),
        _ => (server.join("instrument.server.mjs"), at(Place::Instrumentation, import, init)),
    });
    for (file, text) in files {
        let directory = file.parent().unwrap_or(app);
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&file, text))
            .with_context(|| format!("failed to write `{}`", file.display()))?;
    }
    Ok(())
}
