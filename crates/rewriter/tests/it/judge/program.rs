//! A generated instrumentation as a tree of statements, so that one that fails can be made smaller, and the build around
//! it. Nothing here is random, and nothing runs.

use presentry_rewriter::{MemorySources, ModulePath};

/// The variables that conditions of a program may ask for. Each is run without a value and with [`VALUE`].
pub(crate) const VARIABLES: [&str; 3] = ["NODE_ENV", "TELEMETRY", "DEPLOYED"];

/// What a variable holds when it is set.
pub(crate) const VALUE: &str = "production";

/// The instrumentation of every program.
pub(crate) const INSTRUMENTATION: &str = "instrument.server.mjs";

/// The module that holds the runtime.
pub(crate) const RUNTIME: &str = "chunks/nitro/nitro.mjs";

/// A part of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    /// Statements in braces.
    Block(Vec<Statement>),
    /// Statements in braces that run after what is around them has ended: whether Sentry is first then is a race.
    Later(Vec<Statement>),
    /// An `import()` of the runtime, by the text of its specifier. When it begins is what counts, so Node notes it there.
    Load(String),
}

/// Who reads the text of a program.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reader {
    Analysis,
    Node,
}

/// One statement, in pieces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement(pub(crate) Vec<Piece>);

/// One module of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct File {
    /// Its path in the server directory.
    pub(crate) path: String,
    pub(crate) body: Vec<Statement>,
}

/// The instrumentation and what it brings along.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(crate) files: Vec<File>,
}

/// One way to start a program: the variables that are set.
pub(crate) type Environment = Vec<&'static str>;

impl Program {
    /// The texts by path, without those of the frame.
    pub(crate) fn texts(&self, reader: Reader) -> Vec<(String, String)> {
        self.files.iter().map(|file| (file.path.clone(), text(&file.body, reader))).collect()
    }

    /// The whole build, as the analysis sees it.
    pub(crate) fn sources(&self) -> MemorySources {
        let frame = FRAME.iter().chain(&PACKAGES).map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let files = frame.chain(self.texts(Reader::Analysis));
        MemorySources::new(files.map(|(path, text)| (ModulePath::new(path).unwrap(), text.into_bytes())))
    }

    /// The values of the environment that can make a difference, the empty one first.
    pub(crate) fn environments(&self) -> Vec<Environment> {
        let texts: String = self.texts(Reader::Analysis).into_iter().map(|(_, text)| text).collect();
        let mut environments = vec![Vec::new()];
        for variable in VARIABLES.into_iter().filter(|variable| texts.contains(variable)) {
            let mut with = environments.clone();
            with.iter_mut().for_each(|environment| environment.push(variable));
            environments.extend(with);
        }
        environments
    }

    /// Whether something runs later that may start Sentry, or begins to load the runtime and is not awaited.
    pub(crate) fn races(&self) -> bool {
        self.files.iter().any(|file| file.body.iter().any(Statement::races))
    }

    /// The same without what runs later and may start Sentry.
    pub(crate) fn without_races(&self) -> Program {
        let mut program = self.clone();
        program.files.iter_mut().for_each(|file| file.body.iter_mut().for_each(Statement::end_races));
        program
    }

    /// The same with a statement more, at the place of this number among all places.
    pub(crate) fn with_statement(&self, place: usize, statement: &str) -> Program {
        let mut program = self.clone();
        let modules = || self.files.iter().filter(|file| file.is_module());
        let places: usize = modules().map(|file| places(&file.body)).sum();
        let mut left = place % places.max(1);
        for file in program.files.iter_mut().filter(|file| file.is_module()) {
            if insert(&mut file.body, &mut left, statement) {
                break;
            }
        }
        program
    }

    /// All programs that are one step smaller: a file less, a statement less, or a statement that gives way to one of its
    /// blocks.
    pub(crate) fn smaller(&self) -> Vec<Program> {
        let mut found = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            if file.path != INSTRUMENTATION {
                let mut program = self.clone();
                program.files.remove(number);
                found.push(program);
            }
            for body in smaller_bodies(&file.body) {
                let mut program = self.clone();
                program.files[number].body = body;
                found.push(program);
            }
        }
        found
    }
}

impl File {
    fn is_module(&self) -> bool {
        self.path.ends_with("js")
    }
}

impl Statement {
    fn races(&self) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Block(body) => body.iter().any(Statement::races),
            Piece::Later(_) | Piece::Load(_) => true,
        })
    }

    fn end_races(&mut self) {
        for piece in &mut self.0 {
            match piece {
                Piece::Text(_) | Piece::Load(_) => {}
                Piece::Block(body) => body.iter_mut().for_each(Statement::end_races),
                Piece::Later(body) => body.clear(),
            }
        }
    }
}

fn places(body: &[Statement]) -> usize {
    let pieces = body.iter().flat_map(|statement| &statement.0);
    let inside = pieces.map(|piece| match piece {
        Piece::Text(_) | Piece::Load(_) => 0,
        Piece::Block(body) | Piece::Later(body) => places(body),
    });
    body.len() + 1 + inside.sum::<usize>()
}

fn insert(body: &mut Vec<Statement>, left: &mut usize, statement: &str) -> bool {
    if *left <= body.len() {
        body.insert(*left, Statement(vec![Piece::Text(statement.to_owned())]));
        return true;
    }
    *left -= body.len() + 1;
    for piece in body.iter_mut().flat_map(|statement| &mut statement.0) {
        if let Piece::Block(body) | Piece::Later(body) = piece
            && insert(body, left, statement)
        {
            return true;
        }
    }
    false
}

fn smaller_bodies(body: &[Statement]) -> Vec<Vec<Statement>> {
    let mut found = Vec::new();
    for (number, statement) in body.iter().enumerate() {
        let with = |instead: &[Statement]| -> Vec<Statement> {
            body[..number].iter().chain(instead).chain(&body[number + 1..]).cloned().collect()
        };
        found.push(with(&[]));
        for (at, piece) in statement.0.iter().enumerate() {
            let (inside, again): (_, fn(Vec<Statement>) -> Piece) = match piece {
                Piece::Text(_) | Piece::Load(_) => continue,
                Piece::Block(inside) => (inside, Piece::Block),
                Piece::Later(inside) => (inside, Piece::Later),
            };
            found.push(with(inside));
            for smaller in smaller_bodies(inside) {
                let mut statement = statement.clone();
                statement.0[at] = again(smaller);
                found.push(with(&[statement]));
            }
        }
    }
    found
}

/// The text of a module.
fn text(body: &[Statement], reader: Reader) -> String {
    let mut text = String::new();
    write(body, 0, reader, &mut text);
    text
}

fn write(body: &[Statement], depth: usize, reader: Reader, text: &mut String) {
    for statement in body {
        text.extend(std::iter::repeat_n("  ", depth));
        for piece in &statement.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Load(specifier) if reader == Reader::Analysis => text.extend(["import(", specifier, ")"]),
                Piece::Load(specifier) => {
                    text.extend(["globalThis.judge.load(import.meta.url, import(", specifier, "))"]);
                }
                Piece::Block(body) | Piece::Later(body) if body.is_empty() => text.push_str("{}"),
                Piece::Block(body) | Piece::Later(body) => {
                    text.push_str("{\n");
                    write(body, depth + 1, reader, text);
                    text.extend(std::iter::repeat_n("  ", depth));
                    text.push('}');
                }
            }
        }
        text.push('\n');
    }
}

/// The build around a program: what presentry writes, and the runtime behind it.
pub(crate) const FRAME: [(&str, &str); 5] = [
    ("package.json", r#"{ "type": "module", "private": true }"#),
    (
        "index.mjs",
        "import \"./instrument.server.mjs\";\nconst { default: _default } = await import(\"./entry.mjs\");\nexport { _default as default };\n",
    ),
    ("entry.mjs", "import \"node:http\";\nexport { n as default } from \"./chunks/nitro/nitro.mjs\";\n"),
    (
        RUNTIME,
        "import \"node:http\";\nimport { execute } from \"graphql\";\nimport { Anthropic } from \"@anthropic-ai/sdk\";\nimport { tidy } from \"../shared.mjs\";\nconst prefix = \"NITRO_ENV_PREFIX\";\nglobalThis.judge.runtime(import.meta.url, execute, Anthropic);\nexport const n = { prefix, tidy };\n",
    ),
    ("chunks/shared.mjs", "export const tidy = (text) => String(text).trim();\n"),
];

/// Stand-ins for packages. They tell the judge when Sentry starts and when a library is evaluated.
pub(crate) const PACKAGES: [(&str, &str); 15] = [
    (
        "node_modules/@sentry/node/package.json",
        r#"{
  "name": "@sentry/node",
  "version": "10.70.0",
  "main": "build/cjs/index.js",
  "module": "build/esm/index.js",
  "exports": {
    "./package.json": "./package.json",
    ".": { "import": "./build/esm/index.js", "require": "./build/cjs/index.js" },
    "./init": { "import": "./build/esm/init.js", "require": "./build/cjs/init.js" }
  }
}
"#,
    ),
    ("node_modules/@sentry/node/build/esm/package.json", r#"{ "type": "module" }"#),
    ("node_modules/@sentry/node/build/cjs/package.json", r#"{ "type": "commonjs" }"#),
    (
        "node_modules/@sentry/node/build/esm/index.js",
        r#"const started = (how) => globalThis.judge.started(import.meta.url, how);
export class NodeClient {
  constructor(options) { this.options = options; }
  init() { started("client"); }
  getOptions() { return this.options; }
}
export function init(options) { started(options ? "init" : "plain"); return new NodeClient(options); }
export function initWithoutDefaultIntegrations(options) { started("bare"); return new NodeClient(options); }
export function getDefaultIntegrations() { return []; }
export function httpIntegration() { return { name: "Http" }; }
export function makeNodeTransport() {}
export function defaultStackParser() { return []; }
export function getClient() {}
export function getCurrentScope() { return { setClient() {}, setTag() {} }; }
export function captureException() { return ""; }
export function captureMessage() { return ""; }
export function setTag() {}
export function addEventProcessor() {}
export async function flush() { return true; }
export const SDK_VERSION = "10.70.0";
"#,
    ),
    ("node_modules/@sentry/node/build/esm/init.js", "import { init } from \"./index.js\";\ninit();\n"),
    (
        "node_modules/@sentry/node/build/cjs/index.js",
        r#"Object.defineProperty(exports, "__esModule", { value: true });
const started = (how) => globalThis.judge.started(__filename, how);
class NodeClient {
  constructor(options) { this.options = options; }
  init() { started("client"); }
  getOptions() { return this.options; }
}
exports.NodeClient = NodeClient;
exports.init = function init(options) { started("require"); return new NodeClient(options); };
exports.getCurrentScope = () => ({ setClient() {}, setTag() {} });
exports.captureMessage = () => "";
exports.setTag = () => {};
"#,
    ),
    ("node_modules/@sentry/node/build/cjs/init.js", "require(\"./index.js\").init();\n"),
    (
        "node_modules/@sentry/solidstart/package.json",
        r#"{
  "name": "@sentry/solidstart",
  "version": "10.70.0",
  "type": "module",
  "exports": { "./package.json": "./package.json", ".": { "node": "./build/index.js" } },
  "dependencies": { "@sentry/node": "10.70.0" }
}
"#,
    ),
    (
        "node_modules/@sentry/solidstart/build/index.js",
        r#"import { init as nodeInit } from "@sentry/node";
export * from "@sentry/node";
export function init(options) { return nodeInit({ ...options }); }
export function withSentry(config) { return config; }
"#,
    ),
    ("node_modules/graphql/package.json", r#"{ "name": "graphql", "version": "16.12.0", "main": "index.js" }"#),
    (
        "node_modules/graphql/index.js",
        "globalThis.judge.library(__filename);\nexports.execute = function execute() {};\nexports.parse = function parse() {};\n",
    ),
    (
        "node_modules/@anthropic-ai/sdk/package.json",
        r#"{ "name": "@anthropic-ai/sdk", "version": "0.60.0", "type": "module", "exports": "./index.js" }"#,
    ),
    ("node_modules/@anthropic-ai/sdk/index.js", "export class Anthropic {\n  constructor() {}\n}\n"),
    (
        "node_modules/lookalike/package.json",
        r#"{ "name": "lookalike", "version": "1.0.0", "type": "module", "exports": "./index.js" }"#,
    ),
    (
        "node_modules/lookalike/index.js",
        "export function init() {}\nexport const Sentry = { init };\nexport default { init };\n",
    ),
];
