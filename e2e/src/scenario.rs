//! Scenarios: what is built, and what must be seen when it runs. Data only; how to see it is in `observe`.

/// One application, one shape of build, and what is true of it when Sentry starts first.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The scenario's name, as it is printed and selected.
    pub id: String,
    /// The directory of the app below `fixtures-apps`.
    pub fixture: String,
    /// The directory of the server, relative to the app.
    pub server: String,
    /// The server entry, relative to the server directory.
    pub entry: String,
    /// The built instrumentation, relative to the server directory.
    pub instrumentation: String,
    /// A rendered page.
    pub page: Page,
    /// A static file.
    pub asset: Asset,
    /// A route that runs a CommonJS library which the SDK instruments.
    pub library: Library,
    /// A route that reports whether an ESM package was patched.
    pub package: Package,
    /// A route that reports whether the SDK has a client, and flushes it: `{"active":bool,"flushed":bool}`.
    pub status: String,
}

/// A page, and what its HTML contains.
#[derive(Debug, Clone)]
pub struct Page {
    /// The path to request.
    pub path: String,
    /// What the server function returned, as the HTML has it.
    pub contains: String,
}

/// A static file, and where its bytes are.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The path to request.
    pub path: String,
    /// The file, relative to the app.
    pub file: String,
}

/// A library whose spans tell that it was instrumented.
#[derive(Debug, Clone)]
pub struct Library {
    /// The path to request.
    pub path: String,
    /// What the response contains when the library did its work.
    pub contains: String,
    /// The origin of the library's spans.
    pub origin: String,
}

/// An external ESM package of the runtime's static graph, which the instrumentation patches.
#[derive(Debug, Clone)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The path to request.
    pub path: String,
    /// The field of the JSON response to look at.
    pub field: String,
    /// Its value when the package was loaded too early.
    pub original: String,
    /// Its value when the package was patched.
    pub patched: String,
}

impl Scenario {
    /// `fixtures-apps/basic` on the node-server preset.
    pub fn basic() -> Scenario {
        Scenario {
            id: "basic".to_owned(),
            fixture: "basic".to_owned(),
            server: ".output/server".to_owned(),
            entry: "index.mjs".to_owned(),
            instrumentation: "instrument.server.mjs".to_owned(),
            page: Page { path: "/".to_owned(), contains: "Hello from the server, Node ".to_owned() },
            asset: Asset { path: "/robots.txt".to_owned(), file: "public/robots.txt".to_owned() },
            library: Library {
                path: "/api/graphql".to_owned(),
                contains: "Hello, presentry".to_owned(),
                origin: "auto.graphql.otel.graphql".to_owned(),
            },
            package: Package {
                name: "esm-probe".to_owned(),
                path: "/api/probe".to_owned(),
                field: "probe".to_owned(),
                original: "original".to_owned(),
                patched: "patched".to_owned(),
            },
            status: "/api/sentry".to_owned(),
        }
    }
}
