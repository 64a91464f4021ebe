//! Makes instrumentations of a seed: ways to start Sentry, wrapped in ways to run code now, under a condition, later or
//! never, over several modules. What each comes to is for Node to say; nothing here decides it.

use crate::judge::program::{File, INSTRUMENTATION, Piece, Program, RUNTIME, Statement, VALUE, VARIABLES};

/// How often a statement is one that people rarely write, in percent.
const RARE: u32 = 3;

/// What a part of a statement is made of.
trait Part {
    fn add_to(self, pieces: &mut Vec<Piece>);
}

impl Part for &str {
    fn add_to(self, pieces: &mut Vec<Piece>) {
        pieces.push(Piece::Text(self.to_owned()));
    }
}

impl Part for &String {
    fn add_to(self, pieces: &mut Vec<Piece>) {
        pieces.push(Piece::Text(self.clone()));
    }
}

impl Part for String {
    fn add_to(self, pieces: &mut Vec<Piece>) {
        pieces.push(Piece::Text(self));
    }
}

impl Part for Piece {
    fn add_to(self, pieces: &mut Vec<Piece>) {
        pieces.push(self);
    }
}

impl Part for Vec<Piece> {
    fn add_to(self, pieces: &mut Vec<Piece>) {
        pieces.extend(self);
    }
}

/// Statements in braces.
impl Part for Vec<Statement> {
    fn add_to(self, pieces: &mut Vec<Piece>) {
        pieces.push(Piece::Block(self));
    }
}

macro_rules! p {
    ($($part:expr),* $(,)?) => {{
        let mut pieces: Vec<Piece> = Vec::new();
        $(Part::add_to($part, &mut pieces);)*
        pieces
    }};
}

macro_rules! s {
    ($($part:expr),* $(,)?) => { Statement(p![$($part),*]) };
}

/// What may stand at a place.
#[derive(Clone, Copy)]
struct Scope {
    /// Whether `await` may.
    awaits: bool,
    /// Whether `export` may.
    top: bool,
    /// Whether `return` may.
    returns: bool,
}

const TOP: Scope = Scope { awaits: true, top: true, returns: false };
const FUNCTION: Scope = Scope { awaits: false, top: false, returns: true };
const ASYNC: Scope = Scope { awaits: true, top: false, returns: true };

impl Scope {
    /// Inside of a block at this place.
    fn block(self) -> Self {
        Self { top: false, ..self }
    }
}

type Body = Vec<Statement>;

/// A way to wrap the start of Sentry.
type Wrap = fn(&mut Writer, Scope, u32) -> Body;

/// The ways, and how often each is taken.
const WRAPS: [(u32, Wrap); 16] = [
    (9, Writer::noisy),
    (5, Writer::block),
    (12, Writer::branch),
    (8, Writer::looped),
    (10, Writer::tried),
    (22, Writer::called),
    (14, Writer::asynchronous),
    (5, Writer::generator),
    (8, Writer::callback),
    (6, Writer::later),
    (16, Writer::other_module),
    (5, Writer::package),
    (6, Writer::class),
    (6, Writer::switched),
    (6, Writer::chosen),
    (7, Writer::shared),
];

/// The program of a seed.
pub(crate) fn program(seed: u64) -> Program {
    let mut writer = Writer {
        rng: fastrand::Rng::with_seed(seed),
        files: vec![Unfinished::new(INSTRUMENTATION)],
        current: 0,
        names: 0,
        variables: [VARIABLES[0], VARIABLES[1]],
    };
    let skip = writer.below(VARIABLES.len());
    let mut kept = VARIABLES.into_iter().enumerate().filter(|(number, _)| *number != skip).map(|(_, name)| name);
    writer.variables = [kept.next().unwrap(), kept.next().unwrap()];
    let depth = [1, 1, 1, 2, 2, 2, 2, 3, 3, 4][writer.below(10)];
    let mut body = writer.some_noise(TOP, 2);
    body.extend(writer.start(TOP, depth));
    if writer.chance(8) {
        let depth = writer.rng.u32(..2);
        body.extend(writer.start(TOP, depth));
    }
    body.extend(writer.some_noise(TOP, 2));
    writer.files[0].body = body;
    Program { files: writer.files.into_iter().map(Unfinished::finish).collect() }
}

/// A module that is being written.
struct Unfinished {
    path: String,
    head: Body,
    body: Body,
    foot: Body,
}

impl Unfinished {
    fn new(path: &str) -> Self {
        Self { path: path.to_owned(), head: Vec::new(), body: Vec::new(), foot: Vec::new() }
    }

    fn finish(self) -> File {
        let body = self.head.into_iter().chain(self.body).chain(self.foot).collect();
        File { path: self.path, body }
    }
}

struct Writer {
    rng: fastrand::Rng,
    files: Vec<Unfinished>,
    /// The module that is being written.
    current: usize,
    names: u32,
    variables: [&'static str; 2],
}

/// How the functions of a form are called.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Now,
    Never,
}

impl Writer {
    fn below(&mut self, end: usize) -> usize {
        self.rng.usize(..end)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    /// A static import of the current module.
    fn import(&mut self, text: String) {
        let file = &mut self.files[self.current];
        let statement = s![text];
        if file.head.contains(&statement) || file.foot.contains(&statement) {
            return;
        }
        // Imports are hoisted, wherever they stand.
        if self.rng.u32(..100) < 12 { file.foot.push(statement) } else { file.head.push(statement) }
    }

    /// A helper that the current module declares once.
    fn helper(&mut self, text: &str) {
        let file = &mut self.files[self.current];
        let statement = s![text];
        if !file.head.contains(&statement) {
            file.head.push(statement);
        }
    }

    /// How the current module names another file.
    fn specifier(&self, path: &str) -> String {
        let from = &self.files[self.current].path;
        let up = from.matches('/').count();
        match up {
            0 => format!("./{path}"),
            _ => format!("{}{path}", "../".repeat(up)),
        }
    }

    /// Writes another module, and gives its number.
    fn module(&mut self, path: &str, write: impl FnOnce(&mut Self) -> Body) -> usize {
        let outer = self.current;
        self.current = self.files.len();
        self.files.push(Unfinished::new(path));
        let number = self.current;
        let body = write(self);
        self.files[number].body = body;
        self.current = outer;
        number
    }

    fn module_path(&mut self) -> String {
        let name = self.name("m");
        let directory = self.one(&["", "", "chunks/", "chunks/build/"]);
        format!("{directory}{name}.mjs")
    }

    // Conditions.

    /// A condition over the environment. It may need statements before it.
    fn condition(&mut self) -> (Body, String) {
        let variable = self.one(&self.variables.clone());
        let env = format!("process.env.{variable}");
        match self.below(14) {
            0..=2 => (vec![], env),
            3 => (vec![], format!("!{env}")),
            4 => (vec![], format!("{env} === \"{VALUE}\"")),
            5 => (vec![], format!("{env} !== \"{VALUE}\"")),
            6 => (vec![], format!("Boolean({env})")),
            7 => (vec![], format!("process.env[\"{variable}\"]")),
            8 => {
                let name = self.name("on");
                (vec![s![format!("const {name} = {env};")]], name)
            }
            9 => {
                let name = self.name("on");
                (vec![s![format!("const {{ {variable}: {name} }} = process.env;")]], name)
            }
            10 => {
                let [first, second] = self.variables;
                (vec![], format!("process.env.{first} && process.env.{second}"))
            }
            11 => {
                let [first, second] = self.variables;
                (vec![], format!("process.env.{first} || process.env.{second}"))
            }
            12 => {
                let name = self.name("config");
                (vec![s![format!("const {name} = {{ enabled: {env} === \"{VALUE}\" }};")]], format!("{name}.enabled"))
            }
            _ => (vec![], format!("typeof {env} === \"string\"")),
        }
    }

    fn truth(&mut self) -> &'static str {
        self.one(&["true", "true", "1", "!0", "\"on\"", "!false", "true && 1", "true || false", "!!1"])
    }

    fn falsehood(&mut self) -> &'static str {
        self.one(&["false", "false", "0", "\"\"", "null", "undefined", "!1", "void 0", "false && true", "!true"])
    }

    /// True whenever Node runs it, but not by its text alone.
    fn open_truth(&mut self) -> &'static str {
        self.one(&["Date.now() > 0", "process.versions.node", "typeof window === \"undefined\"", "globalThis.process"])
    }

    // Noise: what an instrumentation holds beside the start.

    fn some_noise(&mut self, scope: Scope, most: usize) -> Body {
        let count = self.below(most + 1);
        (0..count).flat_map(|_| self.noise(scope)).collect()
    }

    fn noise(&mut self, scope: Scope) -> Body {
        match self.rng.u32(..100) {
            0..=2 => self.hazard(scope),
            3..=4 => self.way_out(scope),
            5..=9 if scope.awaits => vec![self.suspend()],
            10..=16 => self.unused(),
            17..=19 => self.closed_hazard(),
            20..=23 => self.conditional_noise(),
            _ => self.harmless(),
        }
    }

    fn harmless(&mut self) -> Body {
        let name = self.name("x");
        match self.below(18) {
            0 => vec![s![format!("const {name} = 1;")]],
            1 => vec![s![format!("let {name} = [1, 2].map((x) => x + 1);")]],
            2 => vec![s!["process.on(\"SIGTERM\", () => {});"]],
            3 => vec![s![format!("const {name} = process.env.SENTRY_RELEASE ?? \"dev\";")]],
            4 => vec![s![format!("const {name} = JSON.parse(\"{{}}\");")]],
            5 => vec![s![format!("const {name} = Object.freeze({{ a: 1, b: [2] }});")]],
            6 => {
                self.import("import { existsSync } from \"node:fs\";".to_owned());
                vec![s![format!("const {name} = existsSync(\"package.json\");")]]
            }
            7 => vec![s![format!("const {name} = new Map([[\"a\", 1]]);")]],
            8 => vec![s![format!("const {name} = `v${{Math.max(1, 2)}}`;")]],
            9 => vec![s![format!("globalThis.{name} = true;")]],
            10 => vec![s![format!("const {name} = (a, b = 2) => a + b;")], s![format!("{name}(1);")]],
            11 => vec![s![format!("for (let {name} = 0; {name} < 2; {name}++) {{}}")]],
            12 => vec![s!["queueMicrotask(() => {});"]],
            13 => vec![s![format!("try {{ JSON.parse(process.env.SENTRY_TAGS ?? \"{{}}\"); }} catch {{}}")]],
            14 => {
                let specifier = self.specifier("chunks/shared.mjs");
                self.import(format!("import {{ tidy }} from \"{specifier}\";"));
                vec![s![format!("const {name} = tidy(\" a \");")]]
            }
            15 => {
                self.import("import * as path from \"node:path\";".to_owned());
                vec![s![format!("const {name} = path.join(\"a\", \"b\");")]]
            }
            16 => vec![s![format!("class {name} {{ static a = 1; b = 2; get c() {{ return 3; }} }}")]],
            _ => vec![s![format!("const {{ a: {name} = 1 }} = {{}};")]],
        }
    }

    /// Functions that nothing calls.
    fn unused(&mut self) -> Body {
        let name = self.name("unused");
        let runtime = self.specifier(RUNTIME);
        match self.below(6) {
            0 => vec![s![format!("function {name}() {{ return import(\"{runtime}\"); }}")]],
            1 => vec![s![format!("const {name} = async () => {{ await import(\"{runtime}\"); }};")]],
            2 => vec![s![format!("class {name} {{ load() {{ return import(\"{runtime}\"); }} }}")]],
            3 => vec![s![format!("const {name} = () => {{ throw new Error(\"no\"); }};")]],
            4 => vec![s![format!("process.on(\"SIGUSR2\", () => import(\"{runtime}\"));")]],
            _ => vec![s![format!("const {name} = {{ load: () => import(\"graphql\") }};")]],
        }
    }

    fn conditional_noise(&mut self) -> Body {
        let (mut body, condition) = self.condition();
        let inner = self.harmless();
        body.push(s!["if (", condition, ") ", inner]);
        body
    }

    /// Code that ends what is around it.
    fn way_out(&mut self, scope: Scope) -> Body {
        let (mut body, condition) = self.condition();
        let condition = if self.chance(50) { self.falsehood().to_owned() } else { condition };
        let thrown = self.one(&["throw new Error(\"out\");", "null.x;", "undefined_name;", "globalThis.nothing();"]);
        match (self.below(5), scope.returns) {
            (0..=1, true) => body.push(s!["if (", condition, ") return;"]),
            (2, _) => body.push(s!["try { ", thrown, " } catch {}"]),
            (3, _) if scope.awaits => body.push(s!["if (", condition, ") await new Promise(() => {});"]),
            _ => body.push(s!["if (", condition, ") { ", thrown, " }"]),
        }
        body
    }

    /// What loads the runtime or a library, or may.
    fn hazard(&mut self, scope: Scope) -> Body {
        let runtime = self.specifier(RUNTIME);
        let load = Piece::Load(format!("\"{runtime}\""));
        let chunk = self.specifier("chunks/nitro");
        match self.below(20) {
            14 => vec![s!["(function () { arguments[0](); })(() => ", load, ".catch(() => {}));"]],
            15 => {
                self.import("import { EventEmitter } from \"node:events\";".to_owned());
                vec![s!["new EventEmitter().on(\"load\", () => ", load, ".catch(() => {})).emit(\"load\");"]]
            }
            16 => vec![s!["[2, 1].sort(() => { ", load, ".catch(() => {}); return 0; });"]],
            17 => vec![s!["JSON.parse(\"1\", () => { ", load, ".catch(() => {}); });"]],
            18 if scope.awaits => {
                vec![s![
                    "await new Promise((resolve) => setTimeout(() => { ",
                    load,
                    ".catch(() => {}); resolve(); }, 1));"
                ]]
            }
            19 if scope.awaits => vec![s!["queueMicrotask(() => ", load, ".catch(() => {})); await 0;"]],
            0 => {
                self.import(format!("import \"{runtime}\";"));
                vec![]
            }
            1..=2 => {
                self.import("import \"graphql\";".to_owned());
                vec![]
            }
            3 if scope.awaits => vec![s![format!("await import(\"{runtime}\");")]],
            4 if scope.awaits => vec![s![format!("await import(\"graphql\");")]],
            5 => vec![s![load, ".catch(() => {});"]],
            6 => {
                let name = self.name("load");
                vec![s![format!("const {name} = () => "), load, ";"], s![format!("{name}();")]]
            }
            7 => {
                self.import("import { createRequire } from \"node:module\";".to_owned());
                vec![s!["createRequire(import.meta.url)(\"graphql\");"]]
            }
            8 => {
                let name = self.name("file");
                vec![
                    s![format!("const {name} = \"nitro\";")],
                    s![Piece::Load(format!("`{chunk}/${{{name}}}.mjs`")), ".catch(() => {});"],
                ]
            }
            9 => vec![s![Piece::Load(format!("new URL(\"{runtime}\", import.meta.url)")), ".catch(() => {});"]],
            10 => {
                let path = self.module_path();
                let number = self.module(&path, |writer| {
                    let runtime = writer.specifier(RUNTIME);
                    let which = writer.one(&["graphql", "graphql", &runtime]).to_owned();
                    writer.import(format!("import \"{which}\";"));
                    vec![s!["export const warm = true;"]]
                });
                let path = self.files[number].path.clone();
                let specifier = self.specifier(&path);
                self.import(format!("import \"{specifier}\";"));
                vec![]
            }
            11 => {
                let entry = self.specifier("entry.mjs");
                vec![s![Piece::Load(format!("\"{entry}\"")), ".catch(() => {});"]]
            }
            12 => vec![s!["Promise.resolve().then(() => ", load, ").catch(() => {});"]],
            _ => vec![s!["setTimeout(() => ", load, ", 0);"]],
        }
    }

    /// A hazard that does not run, or only under a condition.
    fn closed_hazard(&mut self) -> Body {
        let runtime = self.specifier(RUNTIME);
        let load = Piece::Load(format!("\"{runtime}\""));
        let falsehood = self.falsehood();
        match self.below(5) {
            // The entry is being evaluated already.
            4 => {
                let entry = self.specifier("index.mjs");
                vec![s![format!("import(\"{entry}\").catch(() => {{}});")]]
            }
            0 => vec![s!["if (", falsehood, ") ", load, ";"]],
            1 => {
                let (mut body, condition) = self.condition();
                body.push(s!["if (", condition, ") ", load, ".catch(() => {});"]);
                body
            }
            2 => vec![s![falsehood, " && ", load, ";"]],
            _ => vec![s!["for (const x of []) ", load, ";"]],
        }
    }

    /// A statement that suspends, and goes on.
    fn suspend(&mut self) -> Statement {
        match self.below(8) {
            0 => s!["await 0;"],
            1 => s!["await null;"],
            2 => s!["await Promise.resolve();"],
            3 => s!["await import(\"node:fs\");"],
            4 => s!["for await (const x of [1]) {}"],
            5 => s!["await Promise.all([]);"],
            _ => {
                self.sleeps();
                s!["await sleep(1);"]
            }
        }
    }

    fn sleeps(&mut self) {
        if self.chance(50) && !self.files[self.current].head.contains(&s![SLEEP]) {
            self.import("import { setTimeout as sleep } from \"node:timers/promises\";".to_owned());
        } else if !self.has_import("as sleep }") {
            self.helper(SLEEP);
        }
    }

    fn has_import(&self, part: &str) -> bool {
        let file = &self.files[self.current];
        file.head.iter().chain(&file.foot).flat_map(|statement| &statement.0).any(|piece| match piece {
            Piece::Text(text) => text.contains(part),
            _ => false,
        })
    }

    // The start itself.

    fn start(&mut self, scope: Scope, depth: u32) -> Body {
        if depth == 0 {
            return self.leaf(scope);
        }
        let total: u32 = WRAPS.iter().map(|(weight, _)| weight).sum();
        let mut left = self.rng.u32(..total);
        for (weight, wrap) in WRAPS {
            if left < weight {
                return wrap(self, scope, depth - 1);
            }
            left -= weight;
        }
        unreachable!("the weights add up")
    }

    fn options(&mut self) -> String {
        match self.below(8) {
            0..=3 => "{ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 }".to_owned(),
            4 => {
                self.helper("const defaults = { tracesSampleRate: 1 };");
                "{ ...defaults, dsn: process.env.SENTRY_DSN }".to_owned()
            }
            5 => {
                self.helper("function settings() { return { dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 }; }");
                "settings()".to_owned()
            }
            6 => "{ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1, beforeSend(event) { return event; } }".to_owned(),
            _ => "{ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1, environment: process.env.SENTRY_ENVIRONMENT ?? \"dev\" }"
                .to_owned(),
        }
    }

    fn sdk(&mut self) -> &'static str {
        self.one(&["@sentry/node", "@sentry/solidstart"])
    }

    fn leaf(&mut self, scope: Scope) -> Body {
        match self.rng.u32(..100) {
            0..=3 => self.no_start(),
            4..=5 if scope.top => {
                self.import("import \"@sentry/node/init\";".to_owned());
                vec![]
            }
            6 if scope.awaits => vec![s!["await import(\"@sentry/node/init\");"]],
            7..=50 => self.through_namespace(scope),
            51..=80 => self.through_function(scope),
            _ if scope.awaits => self.through_promise(),
            _ => self.through_namespace(scope),
        }
    }

    /// What looks like a start.
    fn no_start(&mut self) -> Body {
        let sdk = self.sdk();
        match self.below(10) {
            0 => {
                let name = self.name("init");
                self.import(format!("import {{ init as {name} }} from \"lookalike\";"));
                vec![s![format!("{name}({{}});")]]
            }
            1 => {
                let name = self.name("Sentry");
                self.import(format!("import * as {name} from \"{sdk}\";"));
                vec![s![format!("{name}.init;")]]
            }
            2 => {
                let name = self.name("Sentry");
                self.import(format!("import * as {name} from \"{sdk}\";"));
                vec![s![format!("{{ const {name} = {{ init() {{}} }}; {name}.init({{}}); }}")]]
            }
            3 => {
                let (name, f) = (self.name("Sentry"), self.name("f"));
                self.import(format!("import * as {name} from \"{sdk}\";"));
                vec![
                    s![format!("function {f}({name}) {{ {name}.init({{}}); }}")],
                    s![format!("{f}({{ init() {{}} }});")],
                ]
            }
            4 => {
                let (name, f) = (self.name("init"), self.name("start"));
                self.import(format!("import {{ init as {name} }} from \"{sdk}\";"));
                vec![s![format!("let {f} = {name};")], s![format!("{f} = () => {{}};")], s![format!("{f}({{}});")]]
            }
            5 => {
                let name = self.name("Sentry");
                self.import(format!("import * as {name} from \"{sdk}\";"));
                vec![s![format!("{name}.captureMessage(\"hello\");")]]
            }
            6 => {
                let name = self.name("init");
                self.import(format!("import {{ init as {name} }} from \"{sdk}\";"));
                vec![s![format!("{name}.bind(null, {{}});")]]
            }
            7 => {
                let name = self.name("Sentry");
                self.import(format!("import {{ Sentry as {name} }} from \"lookalike\";"));
                vec![s![format!("{name}.init({{}});")]]
            }
            8 => {
                let name = self.name("init");
                self.import(format!("import {{ init as {name} }} from \"{sdk}\";"));
                vec![s![format!("var {name}_ = {name}; var {name}_ = () => {{}}; {name}_({{}});")]]
            }
            _ => {
                let name = self.name("client");
                self.import(format!("import * as Sentry{name} from \"{sdk}\";"));
                vec![s![format!("const {name} = new Sentry{name}.NodeClient({{}});")]]
            }
        }
    }

    /// A module that passes the SDK on, and the name under which it exports what.
    fn barrel(&mut self, of_function: bool) -> (String, String) {
        let sdk = self.sdk();
        let path = self.module_path();
        let export = self.name("sdk");
        let form = self.below(6);
        let mut exported = export.clone();
        self.module(&path, |writer| {
            if of_function {
                match form {
                    0 => vec![s![format!("export {{ init as {export} }} from \"{sdk}\";")]],
                    1 => {
                        exported = "init".to_owned();
                        vec![s![format!("export * from \"{sdk}\";")]]
                    }
                    2 => {
                        writer.import(format!("import {{ init }} from \"{sdk}\";"));
                        vec![s![format!("export {{ init as {export} }};")]]
                    }
                    3 => {
                        writer.import(format!("import {{ init }} from \"{sdk}\";"));
                        exported = "default".to_owned();
                        vec![s!["export default init;"]]
                    }
                    4 => {
                        writer.import(format!("import * as Sentry from \"{sdk}\";"));
                        vec![s![format!("export const {{ init: {export} }} = Sentry;")]]
                    }
                    _ => {
                        exported = "default".to_owned();
                        vec![s![format!("export {{ init as default }} from \"{sdk}\";")]]
                    }
                }
            } else {
                match form {
                    0..=1 => vec![s![format!("export * as {export} from \"{sdk}\";")]],
                    2 => {
                        writer.import(format!("import * as Sentry from \"{sdk}\";"));
                        vec![s![format!("export {{ Sentry as {export} }};")]]
                    }
                    3 => {
                        writer.import(format!("import * as Sentry from \"{sdk}\";"));
                        exported = "default".to_owned();
                        vec![s!["export default Sentry;"]]
                    }
                    4 => {
                        writer.import(format!("import * as Sentry from \"{sdk}\";"));
                        vec![s![format!("export const {export} = Sentry;")]]
                    }
                    _ => vec![s![format!("export const {export} = await import(\"{sdk}\");")]],
                }
            }
        });
        if self.chance(25) {
            let (again, inner) = (self.module_path(), path.clone());
            self.module(&again, |writer| {
                let specifier = writer.specifier(&inner);
                if exported == "default" {
                    vec![s![format!("export {{ default }} from \"{specifier}\";")]]
                } else {
                    vec![s![format!("export * from \"{specifier}\";")]]
                }
            });
            return (again, exported);
        }
        (path, exported)
    }

    /// Imports an export of a module of the program under a new name.
    fn take(&mut self, path: &str, export: &str, stem: &str) -> String {
        let specifier = self.specifier(path);
        let name = self.name(stem);
        match (export, self.below(6)) {
            ("default", 0..=3) => self.import(format!("import {name} from \"{specifier}\";")),
            (_, 0) => {
                self.import(format!("import * as {name} from \"{specifier}\";"));
                return format!("{name}.{export}");
            }
            _ => self.import(format!("import {{ {export} as {name} }} from \"{specifier}\";")),
        }
        name
    }

    /// The namespace of the SDK: statements that bring it, and its name.
    fn namespace(&mut self, scope: Scope) -> (Body, String) {
        let sdk = self.sdk();
        match self.below(20) {
            0..=8 => {
                let name = self.name("Sentry");
                self.import(format!("import * as {name} from \"{sdk}\";"));
                (vec![], name)
            }
            9..=12 if scope.awaits => {
                let name = self.name("Sentry");
                (vec![s![format!("const {name} = await import(\"{sdk}\");")]], name)
            }
            13 => {
                self.import("import { createRequire } from \"node:module\";".to_owned());
                let (name, require) = (self.name("Sentry"), self.name("require"));
                let body = vec![
                    s![format!("const {require} = createRequire(import.meta.url);")],
                    s![format!("const {name} = {require}(\"@sentry/node\");")],
                ];
                (body, name)
            }
            14..=17 => {
                let (path, export) = self.barrel(false);
                (vec![], self.take(&path, &export, "Sentry"))
            }
            _ => {
                let (inner, name) = (self.name("sdk"), self.name("Sentry"));
                self.import(format!("import * as {inner} from \"{sdk}\";"));
                (vec![s![format!("const {name} = {inner};")]], name)
            }
        }
    }

    fn through_namespace(&mut self, scope: Scope) -> Body {
        let (mut body, sentry) = self.namespace(scope);
        let options = self.options();
        if self.chance(RARE) {
            body.extend(self.rarely(&sentry, &options));
            return body;
        }
        let name = self.name("c");
        let call = match self.below(20) {
            0..=8 => format!("{sentry}.init({options});"),
            9 => format!("{sentry}[\"init\"]({options});"),
            10 => format!("(0, {sentry}.init)({options});"),
            11 => format!("{sentry}?.init?.({options});"),
            12 => format!("{sentry}.init.call(null, {options});"),
            13 => format!("{sentry}.init.apply(null, [{options}]);"),
            14 => format!("const {{ init: {name} }} = {sentry}; {name}({options});"),
            15 => format!("const {name} = {sentry}.init; {name}({options});"),
            16 => format!("const {name} = {sentry}.init({options});"),
            17 if self.has_import(&format!("* as {sentry} from")) => {
                format!("{sentry}.initWithoutDefaultIntegrations({options});")
            }
            18 if self.has_import(&format!("* as {sentry} from")) => format!(
                "const {name} = new {sentry}.NodeClient({{ integrations: [], transport: {sentry}.makeNodeTransport, stackParser: {sentry}.defaultStackParser, ...({options}) }}); {sentry}.getCurrentScope().setClient({name}); {name}.init();"
            ),
            _ => format!("{sentry}.init({options}); {sentry}.setTag(\"a\", \"b\");"),
        };
        body.push(s![call]);
        body
    }

    fn rarely(&mut self, sentry: &str, options: &str) -> Body {
        let name = self.name("r");
        let text = match self.below(8) {
            0 => format!("({{ ...{sentry} }}).init({options});"),
            1 => format!("Object.assign({{}}, {sentry}).init({options});"),
            2 => format!("[{sentry}.init].forEach((f) => f({options}));"),
            3 => format!("Reflect.apply({sentry}.init, null, [{options}]);"),
            4 => format!("const {name} = \"init\"; {sentry}[{name}]({options});"),
            5 => format!("{sentry}.init.bind(null, {options})();"),
            6 => format!("let {name}; {name} = {sentry}; {name}.init({options});"),
            _ => format!("const [{name}] = [{sentry}]; {name}.init({options});"),
        };
        vec![s![text]]
    }

    fn through_function(&mut self, scope: Scope) -> Body {
        let sdk = self.sdk();
        let options = self.options();
        let name = self.name("init");
        let mut body = Vec::new();
        let function = match self.below(10) {
            0..=4 => {
                self.import(format!("import {{ init as {name} }} from \"{sdk}\";"));
                name
            }
            5..=6 if scope.awaits => {
                body.push(s![format!("const {{ init: {name} }} = await import(\"{sdk}\");")]);
                name
            }
            7 if !self.has_import("{ init }") => {
                self.import(format!("import {{ init }} from \"{sdk}\";"));
                "init".to_owned()
            }
            _ => {
                let (path, export) = self.barrel(true);
                self.take(&path, &export, "init")
            }
        };
        let other = self.name("go");
        body.push(s![match self.below(12) {
            0..=5 => format!("{function}({options});"),
            6 => format!("{function}?.({options});"),
            7 => format!("(0, {function})({options});"),
            8 => format!("{function}.call(undefined, {options});"),
            9 => format!("const {other} = {function}; {other}({options});"),
            10 => format!("const {other} = () => {function}({options}); {other}();"),
            _ => format!("const {other} = {{ start: {function} }}; {other}.start({options});"),
        }]);
        body
    }

    fn through_promise(&mut self) -> Body {
        let (sdk, options, name) = (self.sdk(), self.options(), self.name("S"));
        let text = match self.below(8) {
            0 => format!("await import(\"{sdk}\").then(({name}) => {name}.init({options}));"),
            1 => format!("await import(\"{sdk}\").then(({{ init }}) => {{ init({options}); }});"),
            2 => format!(
                "const [{name}] = await Promise.all([import(\"{sdk}\"), import(\"node:fs\")]); {name}.init({options});"
            ),
            3 => format!("(await import(\"{sdk}\")).init({options});"),
            4 => format!("const {name} = import(\"{sdk}\"); (await {name}).init({options});"),
            5 => format!(
                "const [, {{ init: {name} }}] = await Promise.all([import(\"node:fs\"), import(\"{sdk}\")]); {name}({options});"
            ),
            6 => format!("const {{ default: _{name}, ...{name} }} = await import(\"{sdk}\"); {name}.init({options});"),
            _ => format!("await import(\"{sdk}\").then(({name}) => {name}.init({options})).catch(() => {{}});"),
        };
        vec![s![text]]
    }

    // Ways to wrap it.

    fn noisy(&mut self, scope: Scope, depth: u32) -> Body {
        let mut body = self.some_noise(scope, 2);
        body.extend(self.start(scope, depth));
        body.extend(self.some_noise(scope, 2));
        body
    }

    fn block(&mut self, scope: Scope, depth: u32) -> Body {
        let inner = self.noisy(scope.block(), depth);
        let label = self.name("l");
        match self.below(8) {
            0..=3 => vec![s![inner]],
            4 => vec![s![&label, ": ", inner]],
            5 => {
                let (mut body, condition) = self.condition();
                let mut block = vec![s!["if (", condition, ") break ", &label, ";"]];
                block.extend(inner);
                body.push(s![&label, ": ", block]);
                body
            }
            6 => {
                let mut block = vec![s!["break ", &label, ";"]];
                block.extend(inner);
                vec![s![&label, ": ", block]]
            }
            _ => {
                let mut block = vec![s!["if (", self.falsehood(), ") break ", &label, ";"]];
                block.extend(inner);
                vec![s![&label, ": ", block]]
            }
        }
    }

    fn branch(&mut self, scope: Scope, depth: u32) -> Body {
        if self.chance(12) {
            return self.short_circuit(depth);
        }
        let inner = self.start(scope.block(), depth);
        let (mut body, condition) = self.condition();
        let other = self.harmless();
        match self.below(14) {
            0..=3 => body.push(s!["if (", condition, ") ", inner]),
            4 => body.push(s!["if (", condition, ") ", other, " else ", inner]),
            5 => {
                let again = self.start(scope.block(), 0);
                body.push(s!["if (", condition, ") ", inner, " else ", again]);
            }
            6..=7 => body.push(s!["if (", self.truth(), ") ", inner]),
            8 => body.push(s!["if (", self.falsehood(), ") ", inner]),
            9 => body.push(s!["if (", self.falsehood(), ") ", other, " else ", inner]),
            10 => body.push(s!["if (", self.truth(), ") ", other, " else ", inner]),
            11 => body.push(s!["if (", self.open_truth(), ") ", inner]),
            12 => {
                let name = self.name("enabled");
                let value = if self.chance(70) { self.truth() } else { self.falsehood() };
                body.push(s![format!("const {name} = {value};")]);
                body.push(s!["if (", name, ") ", inner]);
            }
            _ => {
                let (more, second) = self.condition();
                body.extend(more);
                body.push(s!["if (", condition, ") ", other, " else if (", second, ") ", inner]);
            }
        }
        body
    }

    /// A function that an operator may call.
    fn short_circuit(&mut self, depth: u32) -> Body {
        let inner = self.start(FUNCTION, depth);
        let (mut body, condition) = self.condition();
        let name = self.name("f");
        let (truth, falsehood) = (self.truth(), self.falsehood());
        body.push(s![format!("const {name} = () => "), inner, ";"]);
        body.push(match self.below(8) {
            0 => s!["(", &condition, ") && ", &name, "();"],
            1 => s![&condition, " || ", &name, "();"],
            2 => s!["(", &condition, ") ? ", &name, "() : 0;"],
            3 => s![truth, " && ", &name, "();"],
            4 => s!["(", falsehood, ") || ", &name, "();"],
            5 => s!["null ?? ", &name, "();"],
            6 => s![falsehood, " ? 0 : ", &name, "();"],
            _ => s!["(", truth, ") || ", &name, "();"],
        });
        body
    }

    /// A function that a name decides on.
    fn looked_up(&mut self, depth: u32) -> Body {
        let variable = self.one(&self.variables.clone());
        let inner = self.start(FUNCTION, depth);
        let (o, name) = (self.name("all"), format!("process.env.{variable}"));
        let other = self.one(&["() => {}", "() => Date.now()"]);
        match self.below(8) {
            0 => vec![s![format!("({{ \"{VALUE}\": () => "), inner, format!(" }})[{name}]?.();")]],
            1 => vec![
                s![format!("const {o} = {{ \"{VALUE}\": () => "), inner, format!(", other: {other} }};")],
                s![format!("({o}[{name}] ?? {o}.other)();")],
            ],
            2 => vec![
                s![
                    format!("const {o} = {{ \"{VALUE}\": {{ run: () => "),
                    inner,
                    format!(" }}, other: {{ run: {other} }} }};")
                ],
                s![format!("const {o}_ = {o}[{name} ?? \"other\"]; {o}_.run();")],
            ],
            3 => vec![s![format!("new Map([[\"{VALUE}\", () => "), inner, format!("]]).get({name})?.();")]],
            4 => vec![
                s![
                    format!("const {o} = [{{ name: \"{VALUE}\", run: () => "),
                    inner,
                    format!(" }}, {{ name: \"other\", run: {other} }}];")
                ],
                s![format!("{o}.find((one) => one.name === {name})?.run();")],
            ],
            5 => vec![
                s![
                    format!("const {o} = [{{ on: {name}, run: () => "),
                    inner,
                    format!(" }}, {{ on: true, run: {other} }}];")
                ],
                s![format!("for (const one of {o}.filter((one) => one.on)) one.run();")],
            ],
            6 => vec![
                s![format!("const {o} = [{other}, () => "), inner, format!("];")],
                s![format!("{o}[Number({name} === \"{VALUE}\")]();")],
            ],
            _ => vec![s![format!("[() => "), inner, format!("].filter(() => {name}).forEach((run) => run());")]],
        }
    }

    /// A step that gives one of several functions.
    fn chosen(&mut self, _: Scope, depth: u32) -> Body {
        let inner = self.start(FUNCTION, depth);
        let (mut body, condition) = self.condition();
        let (f, o) = (self.name("start"), self.name("chosen"));
        let other = self.one(&["() => {}", "() => Date.now()"]);
        body.push(s![format!("const {f} = () => "), inner, ";"]);
        body.extend(match self.below(8) {
            0 => vec![s![format!("const {o} = {{ ...(("), condition, format!(") && {{ {f} }}) }}; {o}.{f}?.();")]],
            1 => vec![s![
                format!("const {o} = {{ {f}: {other}, ...(("),
                condition,
                format!(") ? {{ {f} }} : {{}}) }}; {o}.{f}();")
            ]],
            2 => vec![
                s![format!("function {o}(run = {f}) {{ run(); }}")],
                s![format!("{o}(("), condition, format!(") ? undefined : {other});")],
            ],
            3 => vec![
                s![format!("const {o} = () => {{ if ("), condition, format!(") return {f}; return {other}; }};")],
                s![format!("{o}()();")],
            ],
            4 => vec![
                s![format!("let {o} = {other};")],
                s!["if (", condition, format!(") {o} = {f};")],
                s![format!("{o}();")],
            ],
            5 => vec![s![format!("const [{o}] = [("), condition, format!(") ? {f} : {other}]; {o}();")]],
            6 => vec![
                s![format!("function {o}() {{ if (new.target) {f}(); }}")],
                s!["(", condition, format!(") ? new {o}() : {o}();")],
            ],
            _ => vec![s![
                format!("const {o} = Object.assign({{ {f}: {other} }}, ("),
                condition,
                format!(") && {{ {f} }}); {o}.{f}();")
            ]],
        });
        body
    }

    fn switched(&mut self, scope: Scope, depth: u32) -> Body {
        if self.chance(40) {
            return self.looked_up(depth);
        }
        let variable = self.one(&self.variables.clone());
        let inner = self.start(scope.block(), depth);
        let other = self.harmless();
        vec![match self.below(9) {
            0 => s![
                format!("switch (process.env.{variable}) {{ case \"{VALUE}\": "),
                inner,
                " break; default: ",
                other,
                " }"
            ],
            1 => s![
                format!("switch (process.env.{variable}) {{ case \"{VALUE}\": "),
                other,
                " break; default: ",
                inner,
                " }"
            ],
            2 => s![format!("switch (process.env.{variable}) {{ case \"{VALUE}\": case undefined: "), inner, " }"],
            3 => s!["switch (1) { case 1: ", inner, " break; default: }"],
            4 => s!["switch (1) { case 2: ", inner, " }"],
            5 => s!["switch (1) { case 1: break; ", inner, " }"],
            6 => s![format!("switch (process.env.{variable}) {{ default: "), inner, " }"],
            7 => s![format!("switch (process.env.{variable}) {{ case \"{VALUE}\": "), other, " default: ", inner, " }"],
            _ => s![
                format!("switch (true) {{ case process.env.{variable} === \"{VALUE}\": "),
                inner,
                " break; default: }"
            ],
        }]
    }

    fn looped(&mut self, scope: Scope, depth: u32) -> Body {
        let inner = self.start(scope.block(), depth);
        let (mut body, condition) = self.condition();
        let i = self.name("i");
        let variable = self.one(&self.variables.clone());
        let first = |statement: Statement, inner: Body| std::iter::once(statement).chain(inner).collect::<Body>();
        let ended = |inner: Body| inner.into_iter().chain([s!["break;"]]).collect::<Body>();
        body.push(match self.below(24) {
            0..=2 => s![format!("for (const {i} of [1]) "), inner],
            3 => s![format!("for (const {i} of [1, 2]) "), inner],
            4 => s![format!("for (const {i} of []) "), inner],
            5 => s![format!("for (let {i} = 0; {i} < 1; {i}++) "), inner],
            6 => s![format!("for (let {i} = 0; {i} < 0; {i}++) "), inner],
            7..=8 => s!["for (;;) ", ended(inner)],
            9 => s!["for (;;) ", first(s!["break;"], inner)],
            10 => s!["while (true) ", ended(inner)],
            11 => s!["while (false) ", inner],
            12..=13 => s!["do ", inner, " while (false);"],
            14 => s!["do ", first(s!["continue;"], inner), " while (false);"],
            15 => s![format!("for (const {i} in {{ a: 1 }}) "), inner],
            16 => s![format!("for (const {i} in {{}}) "), inner],
            17 => {
                s![format!("for (const {i} of (process.env.{variable} ?? \"\").split(\",\").filter(Boolean)) "), inner]
            }
            18 => s![format!("let {i} = 0; while ({i}++ < 1) "), inner],
            19 if scope.awaits => s![format!("for await (const {i} of [1]) "), inner],
            20 => s![format!("for (const {i} of [1]) "), first(s!["if (", condition, ") continue;"], inner)],
            21 => s![format!("for (const {i} of [1]) "), first(s!["if (", condition, ") break;"], inner)],
            22 => s![format!("{i}: for (const x of [1]) {{ for (const y of [1]) {{ continue {i}; }} "), inner, " }"],
            _ => s![format!("for (const {i} of new Set([1])) "), inner],
        });
        body
    }

    fn tried(&mut self, scope: Scope, depth: u32) -> Body {
        let inner = self.start(scope.block(), depth);
        let (mut body, condition) = self.condition();
        let first = |statement: Statement, inner: Body| std::iter::once(statement).chain(inner).collect::<Body>();
        let name = self.name("t");
        let throws = match self.below(9) {
            0..=1 => s!["throw new Error(\"first\");"],
            2 => s!["null.x;"],
            3 => s!["undefined_name;"],
            4 => s![format!("const {name} = 1; {name} = 2;")],
            5 => s!["JSON.parse(\"{\");"],
            6 => s![format!("(function {name}() {{ throw 1; }})();")],
            7 if scope.awaits => s!["await Promise.reject(new Error(\"first\"));"],
            _ => s![format!("{name}; let {name} = 1;")],
        };
        let calm = self.one(&["process.umask();", "JSON.parse(process.env.SENTRY_TAGS ?? \"{}\");", "Math.max(1);"]);
        body.push(match self.below(20) {
            0..=5 => s!["try ", inner, " catch (error) { console.error(error); }"],
            6..=7 => s!["try { ", calm, " } catch ", inner],
            8..=9 => s!["try ", vec![throws], " catch ", inner],
            10..=11 => s!["try { ", calm, " } finally ", inner],
            12..=13 => s!["try ", first(throws, inner), " catch {}"],
            14 => s!["try ", first(s!["if (", condition, ") throw 1;"], inner), " catch {}"],
            15 => s!["try { try ", inner, " finally { ", calm, " } } catch (error) { throw error; }"],
            16 => s![&name, ": { try { break ", &name, "; } finally ", inner, " }"],
            17 => s![&name, ": try ", inner, format!(" finally {{ break {name}; }}")],
            18 => s!["try ", first(s![calm], inner), " catch {}"],
            _ => s!["try ", vec![throws], " catch { try ", inner, " catch {} }"],
        });
        body
    }

    /// A module, or a function that other code is handed, on two paths of which one may end.
    fn shared(&mut self, scope: Scope, depth: u32) -> Body {
        let is_risky = self.chance(40);
        let (mut body, condition) = self.condition();
        let name = self.name("shared");
        let used = match self.below(4) {
            0..=1 if scope.awaits => {
                let path = self.module_path();
                self.module(&path, |writer| if is_risky { writer.hazard(TOP) } else { writer.start(TOP, depth) });
                format!("await import(\"{}\")", self.specifier(&path))
            }
            form => {
                let inner = if is_risky { self.hazard(FUNCTION) } else { self.start(FUNCTION, depth) };
                body.push(s![format!("const {name} = () => "), inner, ";"]);
                match form {
                    // Node calls it, which is not followed, so a start in it is refused.
                    0 if is_risky => format!("new Float64Array(1).forEach({name})"),
                    1 if is_risky => format!("setTimeout({name}, 1)"),
                    2 => format!("[1].forEach({name})"),
                    _ => format!("{name}()"),
                }
            }
        };
        let end = match self.below(4) {
            0 if scope.returns => "return;",
            0..=2 => "throw new Error(\"out\");",
            _ => "",
        };
        let (used, first) = (format!("{used};"), format!("{used}; {end}"));
        body.push(match self.below(5) {
            0..=1 => s!["if (", condition, ") { ", first, " } ", used],
            2 => s!["if (", condition, ") { ", first, " } else { ", used, " }"],
            3 => s!["try { if (", condition, ") { ", first, " } } catch {} ", used],
            _ => s![format!("for (const {name} of [1, 2]) {{ if ("), condition, ") { ", first, " } ", used, " }"],
        });
        body
    }

    /// A function with the start in it, and calls of it.
    fn called(&mut self, scope: Scope, depth: u32) -> Body {
        let fate = if self.chance(88) { Fate::Now } else { Fate::Never };
        let mut inner = if self.chance(30) { self.noisy(FUNCTION, depth) } else { self.start(FUNCTION, depth) };
        if self.chance(8) {
            let (mut body, condition) = self.condition();
            body.push(s!["if (", condition, ") return;"]);
            body.extend(inner);
            inner = body;
        }
        if self.chance(3) {
            inner.insert(0, s!["return;"]);
        }
        let f = self.name("start");
        let o = self.name("o");
        let (mut before, call, mut after): (Body, String, Body) = match self.below(26) {
            0..=3 => (vec![s![format!("function {f}() "), inner]], format!("{f}()"), vec![]),
            4..=5 => (vec![], format!("{f}()"), vec![s![format!("function {f}() "), inner]]),
            6..=8 => (vec![s![format!("const {f} = () => "), inner, ";"]], format!("{f}()"), vec![]),
            9 => (vec![s![format!("const {f} = function () "), inner, ";"]], format!("{f}()"), vec![]),
            10 => (vec![s![format!("const {o} = {{ {f}() "), inner, " };"]], format!("{o}.{f}()"), vec![]),
            11 => (vec![s![format!("const {o} = {{ {f}: () => "), inner, " };"]], format!("{o}[\"{f}\"]()"), vec![]),
            12 => {
                (vec![s![format!("const {o} = {{ a: {{ {f}: () => "), inner, " } };"]], format!("{o}.a.{f}()"), vec![])
            }
            13 => return self.immediately(inner, fate),
            14 => (vec![s![format!("const {f} = () => () => "), inner, ";"]], format!("{f}()()"), vec![]),
            15 => {
                let before = vec![s![format!("function {o}() "), inner], s![format!("const {f} = {o};")]];
                (before, format!("{f}()"), vec![])
            }
            16 => {
                let call = self.one(&["call(null)", "apply(null)", "bind(null)()", "call()"]);
                (vec![s![format!("function {f}() "), inner]], format!("{f}.{call}"), vec![])
            }
            17 => {
                let before = vec![
                    s![format!("function {o}(callback) {{ return callback(); }}")],
                    s![format!("const {f} = () => "), inner, ";"],
                ];
                (before, format!("{o}({f})"), vec![])
            }
            18 => {
                self.helper(ONCE);
                (vec![s![format!("const {f} = once(() => "), inner, ");"]], format!("{f}()"), vec![])
            }
            19 => {
                let call = if self.chance(70) { format!("{f}()") } else { format!("{f}(1)") };
                (vec![s![format!("function {f}(x = (() => "), inner, ")()) {}"]], call, vec![])
            }
            20 => (vec![s![format!("const {o} = {{ get {f}() "), inner, " };"]], format!("{o}.{f}"), vec![]),
            21 => (vec![s![format!("const {{ {f} }} = {{ {f}() "), inner, " };"]], format!("{f}()"), vec![]),
            22 => {
                let recursion = s![format!("if (n > 0) return {f}(n - 1);")];
                let inner: Body = std::iter::once(recursion).chain(inner).collect();
                (vec![s![format!("function {f}(n) "), inner]], format!("{f}(2)"), vec![])
            }
            23 => {
                let call = if self.chance(60) { "{}" } else { "{ a: 1 }" };
                (vec![s![format!("function {f}({{ a = (() => "), inner, ")() }) {}"]], format!("{f}({call})"), vec![])
            }
            24 => {
                let mut before = vec![s![format!("function {f}() "), inner]];
                if self.chance(40) {
                    before.push(s![format!("{f} = () => {{}};")]);
                }
                (before, format!("{f}()"), vec![])
            }
            _ => {
                let keep = self.one(&["let", "var"]);
                (vec![s![format!("{keep} {f};")], s![format!("{f} = () => "), inner, ";"]], format!("{f}()"), vec![])
            }
        };
        let mut body = std::mem::take(&mut before);
        match fate {
            Fate::Now => body.extend(self.use_of(&call, scope)),
            Fate::Never => body.extend(self.no_use_of(&f, &o)),
        }
        body.append(&mut after);
        body
    }

    fn immediately(&mut self, inner: Body, fate: Fate) -> Body {
        if fate == Fate::Never {
            return vec![s!["(() => ", inner, ");"]];
        }
        vec![match self.below(7) {
            0..=1 => s!["(() => ", inner, ")();"],
            2 => s!["(function () ", inner, ")();"],
            3 => s!["!function () ", inner, "();"],
            4 => s!["(function () ", inner, ").call(this);"],
            5 => s!["void (() => ", inner, ")();"],
            _ => s!["new (function () ", inner, ")();"],
        }]
    }

    /// Statements that evaluate a call.
    fn use_of(&mut self, call: &str, scope: Scope) -> Body {
        let name = self.name("u");
        let (mut body, condition) = self.condition();
        let text = match self.below(34) {
            0..=13 => format!("{call};"),
            14 => format!("void {call};"),
            15 => format!("const {name} = {call};"),
            16 if scope.top => format!("export const {name} = {call};"),
            17 => format!("{condition} && {call};"),
            18 => format!("[{call}];"),
            19 => format!("({{ a: {call} }});"),
            20 => format!("`${{{call}}}`;"),
            21 => format!("console.log({call});"),
            22 => format!("if ({call}) {{}}"),
            23 => format!("let {name}; {name} ??= {call};"),
            24 if scope.awaits => format!("await {call};"),
            25 => format!("(1, {call});"),
            26 => format!("globalThis.{name} = {call};"),
            27 => format!("({call})?.x;"),
            28 => format!("switch ({call}) {{}}"),
            29 => format!("for (const {name} = {call}; false;) {{}}"),
            30 => format!("!({call});"),
            31 => format!("Promise.resolve({call});"),
            32 if scope.returns => format!("return {call};"),
            _ => format!("{call}; // once"),
        };
        if !text.contains(&condition) {
            body.clear();
        }
        body.push(s![text]);
        body
    }

    /// Statements that name a function, and do not call it.
    fn no_use_of(&mut self, f: &str, o: &str) -> Body {
        let declared = format!("typeof {f} === \"undefined\" ? typeof {o} : typeof {f};");
        match self.below(5) {
            0..=1 => vec![],
            2 => vec![s![declared]],
            3 => vec![s![format!("process.once(\"never\", () => typeof {f});")]],
            _ => vec![s![format!("({{ a: () => typeof {f} }});")]],
        }
    }

    fn asynchronous(&mut self, scope: Scope, depth: u32) -> Body {
        let (f, awaited) = (self.name("main"), scope.awaits && self.chance(72));
        let suspends = self.chance(50);
        let mut inner = Vec::new();
        if suspends {
            let long = !awaited && self.chance(75);
            if long {
                self.sleeps();
            }
            inner.push(if long { s!["await sleep(40);"] } else { self.suspend() });
        }
        let awaits = Scope { awaits: suspends || awaited, ..ASYNC };
        if self.chance(25) {
            inner.extend(self.noisy(awaits, depth));
        } else {
            inner.extend(self.start(awaits, depth));
        }
        if !awaited && self.chance(30) {
            let after = self.suspend();
            inner.push(after);
        }
        let block = if suspends && !awaited { Piece::Later(inner) } else { Piece::Block(inner) };
        let o = self.name("o");
        let (mut body, call, after) = match self.below(9) {
            0..=3 => (vec![s![format!("async function {f}() "), block]], format!("{f}()"), vec![]),
            4 => (vec![], format!("{f}()"), vec![s![format!("async function {f}() "), block]]),
            5..=6 => (vec![s![format!("const {f} = async () => "), block, ";"]], format!("{f}()"), vec![]),
            7 => (vec![s![format!("const {o} = {{ async {f}() "), block, " };"]], format!("{o}.{f}()"), vec![]),
            _ => {
                let function = self.one(&["(async () => ", "(async function () "]);
                return vec![match (awaited, self.below(3)) {
                    (true, 0) => s!["await ", function, block, ")().catch(() => {});"],
                    (true, _) => s!["await ", function, block, ")();"],
                    (false, 0) => s![function, block, ")().catch(() => {});"],
                    (false, _) => s![function, block, ")();"],
                }];
            }
        };
        let p = self.name("p");
        let text = if awaited {
            match self.below(18) {
                0..=5 => format!("await {call};"),
                6 => format!("await {call}.catch(() => {{}});"),
                7 => format!("await {call}.then(() => {{}});"),
                8 => format!("await Promise.all([{call}, 0]);"),
                9 => format!("await Promise.allSettled([{call}]);"),
                10..=11 => format!("const {p} = {call}; await {p};"),
                12 => format!("try {{ await {call}; }} catch {{}}"),
                13 if scope.top => format!("export default await {call};"),
                14 => format!("await (async () => {{ await {call}; }})();"),
                15 => format!("await (async () => {call})();"),
                16 => format!("await (async () => {{ return {call}; }})();"),
                _ => format!("const {p} = await {call};"),
            }
        } else {
            match self.below(8) {
                0..=2 => format!("{call};"),
                3 => format!("void {call};"),
                4 => format!("{call}.catch(() => {{}});"),
                5 => format!("const {p} = {call};"),
                6 => format!("{call}.then(() => {{}}, () => {{}});"),
                _ => format!("(async () => {{ await {call}; }})();"),
            }
        };
        // One default export is the most that a module has.
        let text =
            if text.starts_with("export default") && self.has_default() { format!("await {call};") } else { text };
        body.push(s![text]);
        body.extend(after);
        body
    }

    fn has_default(&mut self) -> bool {
        let file = &mut self.files[self.current];
        let mark = s!["/* has a default export */"];
        let has = file.foot.contains(&mark);
        if !has {
            file.foot.push(mark);
        }
        has
    }

    fn generator(&mut self, scope: Scope, depth: u32) -> Body {
        let (g, i) = (self.name("steps"), self.name("it"));
        let mut inner = Vec::new();
        let yields = self.chance(25);
        if yields {
            inner.push(s!["yield 1;"]);
        }
        inner.extend(self.start(FUNCTION, depth));
        if self.chance(50) {
            inner.push(s!["yield 2;"]);
        }
        let asynchronous = scope.awaits && self.chance(20);
        let declared = if asynchronous {
            s![format!("async function* {g}() "), inner]
        } else {
            s![format!("function* {g}() "), inner]
        };
        let run = if asynchronous {
            match self.below(3) {
                0 => s![format!("for await (const {i} of {g}()) {{}}")],
                1 => s![format!("await {g}().next();")],
                _ => s![format!("{g}();")],
            }
        } else {
            match self.below(10) {
                0..=1 => s![format!("{g}();")],
                2..=3 => s![format!("{g}().next();")],
                4 => s![format!("[...{g}()];")],
                5..=6 => s![format!("for (const {i} of {g}()) {{}}")],
                7 => s![format!("Array.from({g}());")],
                8 => s![format!("const {i} = {g}(); {i}.next();")],
                _ => s![format!("const [{i}] = {g}();")],
            }
        };
        vec![declared, run]
    }

    fn callback(&mut self, scope: Scope, depth: u32) -> Body {
        let inner = self.start(FUNCTION, depth);
        let e = self.name("e");
        vec![match self.below(38) {
            31 => s!["(function () { arguments[0](); })(() => ", inner, ");"],
            32 => s!["(function () { (() => arguments[0]())(); })(() => ", inner, ");"],
            33 => s!["Object.values({ a: () => ", inner, " }).forEach((f) => f());"],
            34 => s!["Array.from({ length: 1 }, () => ", inner, ");"],
            35 if scope.awaits => s!["queueMicrotask(() => ", inner, "); await 0;"],
            36 => {
                self.import("import { EventEmitter } from \"node:events\";".to_owned());
                let emits = self.one(&["emit(\"other\")", "emit(\"ready\")", "removeAllListeners().emit(\"ready\")"]);
                s![format!("const {e} = new EventEmitter().once(\"ready\", () => "), inner, format!("); {e}.{emits};")]
            }
            37 => s!["JSON.parse(\"{\", () => ", inner, ");"],
            0..=3 => s!["[1].forEach(() => ", inner, ");"],
            4 => s!["[].forEach(() => ", inner, ");"],
            5 => s!["[1, 2].map(() => ", inner, ");"],
            6 => s!["[\"a\"].some(() => ", inner, ");"],
            7 => s!["[1, 2].reduce(() => ", inner, ");"],
            8 => s!["[1].reduce(() => ", inner, ");"],
            9 => s!["[2, 1].sort(() => ", inner, ");"],
            10 => s!["Array.from([1], () => ", inner, ");"],
            11..=13 => s!["new Promise(() => ", inner, ");"],
            14 => s!["new Map([[1, 1]]).forEach(() => ", inner, ");"],
            15 => s!["\"a\".replace(\"a\", () => ", inner, ");"],
            16 => s!["\"a\".replace(\"b\", () => ", inner, ");"],
            17 => s!["JSON.parse(\"[1]\", () => ", inner, ");"],
            18 => s!["Object.keys({ a: 1 }).forEach(() => ", inner, ");"],
            19 if scope.awaits => s!["await Promise.resolve().then(() => ", inner, ");"],
            20 if scope.awaits => s!["await new Promise((resolve) => { (() => ", inner, ")(); resolve(); });"],
            21 if scope.awaits => {
                self.sleeps();
                s!["await sleep(1).then(() => ", inner, ");"]
            }
            22 if scope.awaits => s!["await Promise.resolve().catch(() => ", inner, ");"],
            23 if scope.awaits => s!["await Promise.resolve().finally(() => ", inner, ");"],
            24 if scope.awaits => s!["await Promise.reject(1).catch(() => ", inner, ");"],
            25 | 26 => {
                self.import("import { EventEmitter } from \"node:events\";".to_owned());
                let emits = self.one(&["", "", "emit(\"ready\");"]);
                let emits = if emits.is_empty() { String::new() } else { format!(" {e}.{emits}") };
                s![format!("const {e} = new EventEmitter(); {e}.on(\"ready\", () => "), inner, format!(");{emits}")]
            }
            27 => s![format!("const {e} = [() => "), inner, format!("]; for (const run of {e}) run();")],
            28 => s!["[1].filter(Boolean).forEach(() => ", inner, ");"],
            29 if scope.awaits => s!["await Promise.resolve(1).then(null, () => ", inner, ");"],
            _ => s!["[1].forEach(function () ", inner, ");"],
        }]
    }

    fn later(&mut self, scope: Scope, depth: u32) -> Body {
        if scope.awaits && self.chance(16) {
            return self.awaited_timer(depth);
        }
        let inner = Piece::Later(self.start(FUNCTION, depth));
        let long = self.chance(70);
        vec![match self.below(13) {
            0..=2 => s!["setTimeout(() => ", inner, if long { ", 40);" } else { ");" }],
            3 => s!["setImmediate(() => ", inner, ");"],
            4 => s!["queueMicrotask(() => ", inner, ");"],
            5 => s!["process.nextTick(() => ", inner, ");"],
            6..=7 => s!["Promise.resolve().then(() => ", inner, ");"],
            8 => {
                self.sleeps();
                s!["sleep(40).then(() => ", inner, ");"]
            }
            9 => s!["process.once(\"ready\", () => ", inner, ");"],
            10 => s!["process.on(\"beforeExit\", () => ", inner, ");"],
            11 => s!["import(\"node:fs\").then(() => ", inner, ");"],
            _ => s!["setInterval(() => ", inner, ", 40).unref();"],
        }]
    }

    /// A promise that is awaited and that a timer settles, or something else as well.
    fn awaited_timer(&mut self, depth: u32) -> Body {
        let inner = self.start(FUNCTION, depth);
        let (mut body, condition) = self.condition();
        let (r, e) = (self.name("r"), self.name("e"));
        let others = |inner: Body| Piece::Later(inner);
        let statement = match self.below(16) {
            0..=3 => s!["await new Promise((resolve) => setTimeout(() => { (() => ", inner, ")(); resolve(); }, 1));"],
            4 => s!["await new Promise((resolve) => { setTimeout(() => { resolve(); (() => ", inner, ")(); }, 1); });"],
            5 => s![
                "await new Promise((resolve, reject) => setImmediate(() => { (() => ",
                inner,
                ")(); reject(1); })).catch(() => {});"
            ],
            6 => s![
                format!("const {r} = new Promise((resolve) => setTimeout(() => {{ (() => "),
                inner,
                format!(")(); resolve(); }}, 1)); await {r};")
            ],
            7 => s![
                "await Promise.all([new Promise((resolve) => setTimeout(() => { (() => ",
                inner,
                ")(); resolve(); }, 1))]);"
            ],
            8 => {
                body.push(s![
                    "await new Promise((resolve) => setTimeout(() => { if (",
                    condition,
                    ") (() => ",
                    inner,
                    ")(); resolve(); }, 1));"
                ]);
                return body;
            }
            9 => s![
                "await new Promise((resolve) => { setTimeout(() => { (() => ",
                others(inner),
                ")(); resolve(); }, 40); resolve(); });"
            ],
            10 => s![
                "await new Promise((resolve) => { setTimeout(() => { (() => ",
                others(inner),
                ")(); resolve(); }, 40); setTimeout(resolve, 1); });"
            ],
            11 => s![
                format!("let {r}; const {e} = new Promise((resolve) => {{ {r} = resolve; setTimeout(() => {{ (() => "),
                others(inner),
                format!(")(); resolve(); }}, 40); }}); {r}(); await {e};")
            ],
            12 => s![
                "await new Promise((resolve) => { setTimeout(() => { (() => ",
                others(inner),
                ")(); resolve(); }, 40); Promise.resolve().then(resolve); });"
            ],
            13 => s![
                "await new Promise((resolve) => { setTimeout(async () => { await 0; await 0; (() => ",
                others(inner),
                ")(); }, 1); setTimeout(() => resolve(), 0); });"
            ],
            14 => s![
                "await new Promise((resolve) => { [1].forEach(() => resolve()); setTimeout(() => { (() => ",
                others(inner),
                ")(); resolve(); }, 40); });"
            ],
            _ => s![
                "await new Promise((resolve) => { process.once(\"never\", resolve); process.emit(\"never\"); setTimeout(() => { (() => ",
                others(inner),
                ")(); resolve(); }, 40); });"
            ],
        };
        vec![statement]
    }

    fn other_module(&mut self, scope: Scope, depth: u32) -> Body {
        let path = self.module_path();
        if self.chance(35) {
            self.module(&path, |writer| writer.noisy(TOP, depth));
            let specifier = self.specifier(&path);
            if scope.awaits && self.chance(25) {
                return vec![s![format!("await import(\"{specifier}\");")]];
            }
            if !scope.top && self.chance(70) {
                // The import would run it whatever is around this place.
                return vec![s![Piece::Later(vec![s![format!("import(\"{specifier}\");")]])]];
            }
            self.import(format!("import \"{specifier}\";"));
            return vec![];
        }
        let export = self.name("start");
        let awaited = scope.awaits && self.chance(30);
        let mut exported = export.clone();
        let (keyword, within) = if awaited { ("async ", ASYNC) } else { ("", FUNCTION) };
        self.module(&path, |writer| {
            let inner = writer.noisy(within, depth);
            match writer.below(10) {
                0..=2 => vec![s![format!("export {keyword}function {export}() "), inner]],
                3..=4 => vec![s![format!("export const {export} = {keyword}() => "), inner, ";"]],
                5 => {
                    exported = "default".to_owned();
                    vec![s![format!("export default {keyword}function () "), inner]]
                }
                6 => {
                    exported = "default".to_owned();
                    vec![s![format!("export default {keyword}() => "), inner, ";"]]
                }
                7 => vec![
                    s![format!("{keyword}function inner() "), inner],
                    s![format!("export {{ inner as {export} }};")],
                ],
                8 => {
                    exported = format!("{export}.run");
                    vec![s![format!("export const {export} = {{ {keyword}run() "), inner, " };"]]
                }
                _ => {
                    exported = format!("{export}.run");
                    vec![s![format!("export class {export} {{ static {keyword}run() "), inner, " }"]]
                }
            }
        });
        let (root, members) = match exported.split_once('.') {
            Some((root, members)) => (root.to_owned(), format!(".{members}")),
            None => (exported.clone(), String::new()),
        };
        let path = if self.chance(25) { self.passed_on(&path, &root) } else { path };
        let mut body = Vec::new();
        let name = if scope.awaits && self.chance(20) {
            let (specifier, name) = (self.specifier(&path), self.name("run"));
            body.push(s![format!("const {{ {root}: {name} }} = await import(\"{specifier}\");")]);
            name
        } else {
            self.take(&path, &root, "run")
        };
        let call = format!("{name}{members}()");
        if self.chance(6) {
            body.push(s![format!("void {name};")]);
        } else if awaited {
            body.push(s![format!("await {call};")]);
        } else {
            body.extend(self.use_of(&call, scope));
        }
        body
    }

    /// A barrel before a module.
    fn passed_on(&mut self, inner: &str, export: &str) -> String {
        let path = self.module_path();
        let star = self.chance(50) && export != "default";
        self.module(&path, |writer| {
            let specifier = writer.specifier(inner);
            if star {
                vec![s![format!("export * from \"{specifier}\";")]]
            } else {
                vec![s![format!("export {{ {export} }} from \"{specifier}\";")]]
            }
        });
        path
    }

    fn package(&mut self, scope: Scope, depth: u32) -> Body {
        let name = self.name("observability");
        let manifest = format!("node_modules/@acme/{name}/package.json");
        if self.chance(25) {
            let once = self.chance(50);
            self.files.push(Unfinished {
                body: vec![s![format!(
                    "{{ \"name\": \"@acme/{name}\", \"version\": \"1.0.0\", \"main\": \"index.js\" }}"
                )]],
                ..Unfinished::new(&manifest)
            });
            let text = if once {
                "const Sentry = require(\"@sentry/node\"); Sentry.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 });"
            } else {
                "const Sentry = require(\"@sentry/node\"); exports.start = function () { Sentry.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 }); };"
            };
            self.files.push(Unfinished {
                body: vec![s![text]],
                ..Unfinished::new(&format!("node_modules/@acme/{name}/index.js"))
            });
            if once {
                self.import(format!("import \"@acme/{name}\";"));
                return vec![];
            }
            self.import(format!("import {{ start as {name} }} from \"@acme/{name}\";"));
            return vec![s![format!("{name}();")]];
        }
        let exports = "\"exports\": { \".\": \"./index.mjs\" }";
        self.files.push(Unfinished {
            body: vec![s![format!(
                "{{ \"name\": \"@acme/{name}\", \"version\": \"1.0.0\", \"type\": \"module\", {exports} }}"
            )]],
            ..Unfinished::new(&manifest)
        });
        let path = format!("node_modules/@acme/{name}/index.mjs");
        if self.chance(50) {
            self.module(&path, |writer| writer.start(TOP, depth.min(1)));
            if scope.awaits && self.chance(25) {
                return vec![s![format!("await import(\"@acme/{name}\");")]];
            }
            self.import(format!("import \"@acme/{name}\";"));
            return vec![];
        }
        self.module(&path, |writer| {
            let inner = writer.start(FUNCTION, depth.min(1));
            vec![s!["export function start() ", inner]]
        });
        self.import(format!("import {{ start as {name} }} from \"@acme/{name}\";"));
        self.use_of(&format!("{name}()"), scope)
    }

    fn class(&mut self, scope: Scope, depth: u32) -> Body {
        let inner = self.start(FUNCTION, depth);
        let (c, o) = (self.name("Telemetry"), self.name("t"));
        match self.below(20) {
            16 => vec![
                s![format!("class {c} {{}}")],
                s![format!("{c}.prototype.start = () => "), inner, ";"],
                s![format!("new {c}().start();")],
            ],
            17 => vec![
                s![format!("class {c} {{ start() "), inner, " }"],
                s![format!("const {o} = new {c}(); {c}.prototype.start = () => {{}}; {o}.start();")],
            ],
            18 => vec![
                s![format!("class {c} {{ start() "), inner, " }"],
                s![format!("Object.assign(Object.getPrototypeOf(new {c}()), {{ stop() {{}} }}); new {c}().start();")],
            ],
            19 => vec![
                s![format!("function {c}() {{}}")],
                s![format!("{c}.prototype.start = () => "), inner, ";"],
                s![format!("new {c}().start();")],
            ],
            0..=1 => {
                // Neither `await` nor `return` may stand in a static block.
                vec![s![format!("class {c} {{ static {{ (() => "), inner, ")(); } }"]]
            }
            2 => vec![s![format!("class {c} {{ static a = (() => "), inner, ")(); }"]],
            3..=4 => vec![s![format!("class {c} {{ constructor() "), inner, " }"], s![format!("new {c}();")]],
            5 => vec![s![format!("class {c} {{ constructor() "), inner, " }"]],
            6 => vec![s![format!("class {c} {{ start() "), inner, " }"], s![format!("new {c}().start();")]],
            7 => vec![
                s![format!("class {c} {{ start() "), inner, " }"],
                s![format!("const {o} = new {c}(); {o}.start();")],
            ],
            8 => vec![s![format!("class {c} {{ start() "), inner, " }"], s![format!("new {c}();")]],
            9 => vec![s![format!("class {c} {{ static start() "), inner, " }"], s![format!("{c}.start();")]],
            10 => vec![s![format!("class {c} {{ a = (() => "), inner, ")(); }"], s![format!("new {c}();")]],
            11 => vec![s![format!("class {c} {{ static get ready() "), inner, " }"], s![format!("{c}.ready;")]],
            12 => {
                let base = vec![s![format!("class {c} {{ constructor() "), inner, " }"]];
                base.into_iter().chain([s![format!("class {o} extends {c} {{}}")], s![format!("new {o}();")]]).collect()
            }
            13 => vec![
                s![format!("class {c} {{ start() {{ this.run(); }} run() "), inner, " }"],
                s![format!("new {c}().start();")],
            ],
            14 => vec![
                s![format!("class {c} {{ #run() "), inner, format!(" static go() {{ new {c}().#run(); }} }}")],
                s![format!("{c}.go();")],
            ],
            _ if scope.top => {
                vec![s![format!("export class {c} {{ static instance = new {c}(); constructor() "), inner, " }"]]
            }
            _ => vec![s![format!("class {c} {{ static instance = new {c}(); constructor() "), inner, " }"]],
        }
    }
}

const SLEEP: &str = "const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));";
const ONCE: &str =
    "const once = (f) => { let done = false; return () => { if (done) return; done = true; return f(); }; };";
