//! The one table of Nitro presets: where each puts its server, and how its host loads the entry. Facts only.

use presentry_rewriter::EntryLoading;
use serde::Serialize;

/// What runs the server of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Runtime {
    /// Node.js.
    Node,
    /// Bun, which runs the facade.
    Bun,
    /// Deno, which runs the facade.
    Deno,
    /// A worker or edge runtime: no module hooks, so nothing can be instrumented by loading order.
    Edge,
    /// No server at all.
    Static,
}

impl Runtime {
    /// The name that its makers use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Runtime::Node => "Node.js",
            Runtime::Bun => "Bun",
            Runtime::Deno => "Deno",
            Runtime::Edge => "edge",
            Runtime::Static => "none",
        }
    }

    /// What its module hooks cannot do for Sentry, where it runs the facade and is not Node.js. Seen with Bun 1.4.5 and
    /// Deno 2.9.6; `docs/findings.md` says how.
    pub(crate) fn limits(self) -> Option<&'static str> {
        match self {
            Runtime::Bun => Some(
                "Bun ignores `module.register`: Sentry starts first, but libraries that are ES modules are not instrumented",
            ),
            Runtime::Deno => Some(
                "Deno has no `module.register`: Sentry starts first, but libraries that are ES modules are not instrumented",
            ),
            Runtime::Node | Runtime::Edge | Runtime::Static => None,
        }
    }
}

/// How a host calls what the entry exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Style {
    /// With request and response of `node:http`, from a server in the same process.
    Listener,
    /// With a `Request`; it gives a `Response`.
    Fetch,
    /// With an event and a context; it gives status, headers and body.
    Event,
    /// With a context, into which it puts the response, and a request.
    Context,
}

impl Style {
    /// The argument in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Style::Listener => "request and response of a server in its process",
            Style::Fetch => "a `Request`",
            Style::Event => "an event as of API Gateway",
            Style::Context => "a context and a request",
        }
    }
}

/// One preset of Nitro 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// The name Nitro writes to `nitro.json`.
    pub(crate) name: &'static str,
    /// Other names of it.
    pub(crate) aliases: &'static [&'static str],
    /// What runs it.
    pub(crate) runtime: Runtime,
    /// The output directory, relative to the app; `nitro.json` lies in it.
    pub(crate) output: &'static str,
    /// Where the server directory is, relative to the output directory; the first that is there counts.
    pub(crate) server: &'static [&'static str],
    /// The file name of the entry; the first that is there counts.
    pub(crate) entry: &'static [&'static str],
    /// How the host loads the entry.
    pub(crate) loading: EntryLoading,
    /// The file that the host loads in place of the entry, and that loads the entry, relative to the server directory.
    pub(crate) start: Option<&'static str>,
    /// The archive that Nitro makes of the output directory before anything else runs, relative to that directory.
    pub(crate) archive: Option<&'static str>,
    /// Whether a deployment installs the packages that the `package.json` of the server names.
    pub(crate) installs: bool,
    /// What the entry of a build without options exports. Names that Rollup made up, which nobody asks for, are left out.
    pub(crate) exports: &'static [&'static str],
    /// The export that the host calls, and how; `None` where the entry listens by itself.
    pub(crate) called: Option<(Style, &'static str)>,
    /// Whether the host is the runtime of Lambda, which defines `awslambda` before it imports the entry.
    pub(crate) defines_awslambda: bool,
    /// How the server is started or called, in Markdown.
    pub(crate) invoked: &'static str,
}

const OUTPUT: &str = ".output";
const SERVER: &[&str] = &["server"];
const INDEX: &[&str] = &["index.mjs"];

/// `node .output/server/index.mjs`, as the preset `node-server` and all that extend it without a start file of their own.
const fn process(name: &'static str, aliases: &'static [&'static str]) -> Preset {
    Preset {
        name,
        aliases,
        runtime: Runtime::Node,
        output: OUTPUT,
        server: SERVER,
        entry: INDEX,
        loading: EntryLoading::Process,
        start: None,
        archive: None,
        installs: false,
        exports: &["default"],
        called: None,
        defines_awslambda: false,
        invoked: "`node .output/server/index.mjs`",
    }
}

/// `.output/server/index.mjs`, imported by the host or by code of the user, which calls the first of its exports.
const fn imported(
    name: &'static str,
    aliases: &'static [&'static str],
    exports: &'static [&'static str],
    style: Style,
    invoked: &'static str,
) -> Preset {
    let called = Some((style, exports[0]));
    Preset { loading: EntryLoading::Imported, exports, called, invoked, ..process(name, aliases) }
}

/// `deno run server/index.mjs`. Deno 2.9 takes a rejection of the entry for handled when Sentry has a listener for it, and a
/// server whose runtime threw after it listened would stay up, which it does not without Sentry: as behind a launcher.
const fn deno(name: &'static str) -> Preset {
    Preset {
        runtime: Runtime::Deno,
        loading: EntryLoading::Launcher,
        invoked: "`deno task start` in `.output`",
        ..process(name, &[])
    }
}

/// A preset without module hooks; server directory and entry are not needed.
const fn edge(name: &'static str, aliases: &'static [&'static str], output: &'static str) -> Preset {
    Preset { runtime: Runtime::Edge, output, exports: &[], invoked: "", ..process(name, aliases) }
}

/// A preset without a server.
const fn no_server(name: &'static str, output: &'static str) -> Preset {
    Preset { runtime: Runtime::Static, output, exports: &[], invoked: "", ..process(name, &[]) }
}

/// Every preset that is known. The comments name the file of `src/presets` in nitropack 2.13 that a row mirrors.
pub(crate) static PRESETS: &[Preset] = &[
    // node/preset.ts
    process("node-server", &[]),
    imported(
        "node-listener",
        &["node"],
        &["listener", "handler", "websocket"],
        Style::Listener,
        "your own server imports it",
    ),
    // The runtime is inlined into the entry; the primary and its workers both run it.
    Preset { exports: &[], ..process("node-cluster", &[]) },
    // alwaysdata/preset.ts, cleavr/preset.ts, digitalocean/preset.ts, edgio/preset.ts, flightcontrol/preset.ts,
    // heroku/preset.ts, koyeb/preset.ts, platform.sh/preset.ts, render.com/preset.ts, zerops/preset.ts: `node-server`
    // under another name.
    process("alwaysdata", &[]),
    process("cleavr", &[]),
    process("digital-ocean", &[]),
    process("edgio", &["layer0"]),
    process("flight-control", &[]),
    process("heroku", &[]),
    process("koyeb", &[]),
    process("platform-sh", &[]),
    process("render-com", &[]),
    process("zerops", &[]),
    // iis/preset.ts: httpPlatform starts `node .\server\index.mjs`, iisnode requires `.output/index.js`, which floats
    // `import('./server/index.mjs')`.
    process("iis-handler", &["iis"]),
    Preset {
        loading: EntryLoading::Launcher,
        start: Some("../index.js"),
        invoked: "iisnode requires `.output/index.js`, which does not await its `import()`",
        ..process("iis-node", &[])
    },
    // firebase/preset.ts: App Hosting starts a process; functions are loaded by firebase-functions, which tries
    // `require()`, falls back to `import()`, and reports a rejection itself. A deployment of functions uploads without
    // `node_modules`, and runs `npm install`.
    process("firebase-app-hosting", &[]),
    Preset {
        installs: true,
        ..imported(
            "firebase",
            &[],
            &["server"],
            Style::Listener,
            "firebase-functions tries `require()`, then `import()`",
        )
    },
    // aws-lambda/preset.ts, genezio/preset.ts
    Preset {
        defines_awslambda: true,
        ..imported(
            "aws-lambda",
            &[],
            &["handler"],
            Style::Event,
            "Lambda imports it and calls `handler(event, context)`",
        )
    },
    imported("genezio", &[], &["handler"], Style::Event, "the host imports it and calls `handler(event, context)`"),
    // aws-amplify/preset.ts: `server.js` floats `import("./index.mjs")`.
    Preset {
        output: ".amplify-hosting",
        server: &["compute/default"],
        loading: EntryLoading::Launcher,
        start: Some("server.js"),
        exports: &[],
        invoked: "`node server.js`, which does not await its `import()`",
        ..process("aws-amplify", &[])
    },
    // azure/preset.ts; `writeFunctionsRoutes` in azure/utils.ts packs the archive in the hook `compiled`.
    Preset {
        archive: Some("deploy.zip"),
        ..imported(
            "azure-functions",
            &[],
            &["handle"],
            Style::Context,
            "the host imports it and calls `handle(context, request)`",
        )
    },
    Preset {
        server: &["server/functions"],
        ..imported(
            "azure-swa",
            &["azure"],
            &["handle"],
            Style::Context,
            "the host imports it and calls `handle(context, request)`",
        )
    },
    // vercel/preset.ts: the function is called `__fallback`; older versions said `__nitro`.
    Preset {
        output: ".vercel/output",
        server: &["functions/__fallback.func", "functions/__nitro.func"],
        ..imported(
            "vercel",
            &[],
            &["default"],
            Style::Listener,
            "the host imports it and calls `default(request, response)`",
        )
    },
    // netlify/preset.ts: `server.mjs` re-exports `main.mjs` and carries the config that Netlify reads statically.
    Preset {
        output: ".netlify/functions-internal",
        entry: &["main.mjs", "server.mjs"],
        start: Some("server.mjs"),
        ..imported(
            "netlify",
            &[],
            &["default"],
            Style::Fetch,
            "the host imports `server.mjs` and calls `default(request)`",
        )
    },
    // netlify/legacy/preset.ts: here `server.mjs` is the entry itself.
    Preset {
        output: ".netlify/functions-internal",
        entry: &["server.mjs", "main.mjs"],
        ..imported(
            "netlify-legacy",
            &[],
            &["handler"],
            Style::Event,
            "the host imports it and calls `handler(event, context)`",
        )
    },
    Preset {
        output: ".netlify/functions-internal",
        entry: &["main.mjs", "server.mjs"],
        ..imported(
            "netlify-builder",
            &[],
            &["handler"],
            Style::Event,
            "the host imports it and calls `handler(event, context)`",
        )
    },
    // zeabur/preset.ts
    Preset {
        output: ".zeabur/output",
        server: &["functions/__nitro.func"],
        ..imported(
            "zeabur",
            &[],
            &["default"],
            Style::Listener,
            "the host imports it and calls `default(request, response)`",
        )
    },
    // stormkit/preset.ts
    Preset {
        output: ".stormkit",
        ..imported(
            "stormkit",
            &[],
            &["handler"],
            Style::Event,
            "the host imports it and calls `handler(event, context)`",
        )
    },
    // bun/preset.ts: extends `node-server`, with the runtime inlined into the entry.
    Preset {
        runtime: Runtime::Bun,
        exports: &[],
        invoked: "`bun run .output/server/index.mjs`",
        ..process("bun", &[])
    },
    // deno/preset.ts and deno/preset-legacy.ts: which one `deno-server` means depends on the compatibility date.
    deno("deno-server"),
    deno("deno-server-legacy"),
    edge("deno-deploy", &["deno"], OUTPUT),
    // cloudflare/preset.ts and cloudflare/preset-legacy.ts
    edge("cloudflare-module", &[], OUTPUT),
    edge("cloudflare-module-legacy", &[], OUTPUT),
    edge("cloudflare-durable", &[], OUTPUT),
    edge("cloudflare-worker", &["cloudflare"], OUTPUT),
    edge("cloudflare-pages", &[], "dist"),
    // netlify/preset.ts and vercel/preset.ts. The server of `netlify-edge` is in another tree than its `nitro.json`.
    edge("netlify-edge", &[], OUTPUT),
    edge("vercel-edge", &[], ".vercel/output"),
    // winterjs/preset.ts, _nitro/service-worker.ts, _nitro/base-worker.ts
    edge("winterjs", &[], OUTPUT),
    edge("service-worker", &[], OUTPUT),
    edge("base-worker", &[], OUTPUT),
    // _static/preset.ts, and the static presets of the hosts above.
    no_server("static", OUTPUT),
    no_server("github-pages", OUTPUT),
    no_server("gitlab-pages", OUTPUT),
    no_server("cloudflare-pages-static", "dist"),
    no_server("netlify-static", "dist"),
    no_server("vercel-static", ".vercel/output"),
    no_server("zeabur-static", ".zeabur/output"),
    no_server("zerops-static", ".zerops/output"),
];

/// Finds a preset by name or alias, written in kebab case, snake case or camel case, as Nitro accepts them.
pub(crate) fn find(name: &str) -> Option<&'static Preset> {
    let name = kebab(name);
    let by_name = PRESETS.iter().find(|preset| preset.name == name);
    by_name.or_else(|| PRESETS.iter().find(|preset| preset.aliases.contains(&name.as_str())))
}

/// Every name of a preset.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().flat_map(|preset| std::iter::once(preset.name).chain(preset.aliases.iter().copied()))
}

/// The output directories that presets use, each once, in table order.
pub(crate) fn output_directories() -> Vec<&'static str> {
    let mut directories: Vec<&str> = Vec::new();
    for preset in PRESETS {
        if !directories.contains(&preset.output) {
            directories.push(preset.output);
        }
    }
    directories
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for character in name.chars() {
        match character {
            '_' => kebab.push('-'),
            upper if upper.is_ascii_uppercase() => {
                kebab.push('-');
                kebab.push(upper.to_ascii_lowercase());
            }
            other => kebab.push(other),
        }
    }
    kebab
}

/// How a host loads an entry, in words.
pub(crate) fn loading_text(loading: EntryLoading) -> &'static str {
    match loading {
        EntryLoading::Process => "process",
        EntryLoading::Launcher => "launcher",
        EntryLoading::Imported => "imported",
        EntryLoading::Required => "required",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_or_alias_stands_for_two_presets() {
        let mut names: Vec<&str> =
            PRESETS.iter().flat_map(|preset| [preset.name].into_iter().chain(preset.aliases.iter().copied())).collect();
        names.sort_unstable();
        let twice: Vec<&[&str]> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert_eq!(twice, Vec::<&[&str]>::new());
    }

    #[test]
    fn names_are_found_in_every_spelling() {
        for spelling in ["aws-lambda", "aws_lambda", "awsLambda"] {
            assert_eq!(find(spelling).map(|preset| preset.name), Some("aws-lambda"));
        }
        assert_eq!(find("node").map(|preset| preset.name), Some("node-listener"));
        assert_eq!(find("layer0").map(|preset| preset.name), Some("edgio"));
        assert_eq!(find("teapot"), None);
    }
}
