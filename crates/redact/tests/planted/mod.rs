//! Secrets in every form that is known, and the files of an app that tell some of them. The tests of the command and those of
//! the harness plant them; none may be left.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The value of a variable of `.env`, with everything in it that tools escape.
const VALUE: &str = "s3cr!t/Va+lue &\"q'uo=te$d\\";

/// As long as wanted, of the given letters, the same each time, and no part of one of another length.
fn letters(alphabet: &str, length: usize) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut rng = fastrand::Rng::with_seed((length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..length).map(|_| alphabet[rng.usize(..alphabet.len())]).collect()
}

fn word(length: usize) -> String {
    letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
}

fn hex(length: usize) -> String {
    letters("0123456789abcdef", length)
}

/// What is planted: the name of the form, the text around the secret with `@@` in its place, and the secret.
pub(super) fn forms() -> Vec<(&'static str, &'static str, String)> {
    let encoded = |bytes: &[u8]| STANDARD.encode(bytes);
    let json = serde_json::to_string(VALUE).unwrap();
    let json = json.trim_matches('"');
    let component = |keep: &str, upper: bool| -> String {
        let byte = |byte: u8| match byte {
            byte if byte.is_ascii_alphanumeric() || keep.as_bytes().contains(&byte) => char::from(byte).to_string(),
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        };
        VALUE.bytes().map(byte).collect()
    };
    let escaped = |format: fn(u32) -> String| -> String {
        let one = |it: char| if it.is_ascii_alphanumeric() { it.to_string() } else { format(u32::from(it)) };
        VALUE.chars().map(one).collect()
    };
    vec![
        ("as it is", "x @@ x", VALUE.to_owned()),
        ("form encoded", "?q=@@", component("*-._", true).replace("%20", "+")),
        ("encodeURIComponent", "?q=@@", component("-_.!~*'()", true)),
        ("percent, everything", "?q=@@", component("", true)),
        ("percent, lower case", "?q=@@", component("", false)),
        ("percent twice", "?q=@@", component("-_.!~*'()", true).replace('%', "%25")),
        ("JSON", "{\"a\":\"@@\"}", json.to_owned()),
        ("JSON with slashes escaped", "{\"a\":\"@@\"}", json.replace('/', "\\/")),
        ("JSON in JSON", "{\\\"a\\\":\\\"@@\\\"}", serde_json::to_string(json).unwrap().trim_matches('"').to_owned()),
        ("unicode escapes", "'@@'", escaped(|it| format!("\\u{it:04x}"))),
        ("hexadecimal escapes", "'@@'", escaped(|it| format!("\\x{it:02x}"))),
        ("HTML", "<p>@@</p>", VALUE.replace('&', "&amp;").replace('"', "&quot;")),
        (
            "HTML with apostrophes",
            "<p>@@</p>",
            VALUE.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;"),
        ),
        ("shell", "echo '@@'", VALUE.replace('\'', r"'\''")),
        ("hexadecimal", "0x@@", VALUE.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ("hexadecimal, upper case", "x'@@'", VALUE.bytes().map(|byte| format!("{byte:02X}")).collect()),
        ("base 64", "\"@@\"", encoded(VALUE.as_bytes()).trim_end_matches('=')[..24].to_owned()),
        (
            "base 64 behind a name",
            "Authorization: Basic @@",
            encoded(format!("me:{VALUE}").as_bytes())[8..28].to_owned(),
        ),
        ("base 64 for URLs", "?t=@@", URL_SAFE_NO_PAD.encode(format!("u{VALUE}"))[4..28].to_owned()),
        ("expanded", "connect(@@)", "pre-3xpanded-P4rt-post".to_owned()),
        ("password of a URL", "login(@@)", "dbP4ssw0rd".to_owned()),
        ("value of .envrc", "log(@@)", "envrc-s3cret-value".to_owned()),
        ("value of .dev.vars", "log(@@)", "wrangler-s3cret-value".to_owned()),
        ("value of compose", "log(@@)", "compose-s3cret-value".to_owned()),
        ("unquoted assignment", "SENTRY_AUTH_TOKEN=@@ npm run build", word(32)),
        ("exported", "export MY_API_KEY=@@", word(20)),
        ("bearer", "Authorization: Bearer @@", word(30)),
        ("header literal", "headers: { authorization: \"@@\" }", word(29)),
        ("token in a URL", "https://@@@host.example/x", word(24)),
        ("name and password in a URL", "https://me:@@@host.example/x", word(14)),
        ("password", "password: \"@@\"", "hunter2hunter".to_owned()),
        ("password without digits", "password: '@@'", "CorrectHorse".to_owned()),
        ("apiKey", "apiKey: '@@'", word(21)),
        ("client_secret", "\"client_secret\": \"@@\"", word(22)),
        ("accessKey", "accessKeyId = `@@`", word(18)),
        ("private key by name", "privateKey: \"@@\"", word(40)),
        ("authToken", "authToken: \"@@\"", word(16)),
        ("member in brackets", "config[\"secret\"] = \"@@\"", word(17)),
        ("registry", "//npm.example/:_authToken=@@", word(26)),
        ("token of Sentry", "x @@ x", format!("sntrys_{}", word(40))),
        ("DSN", "dsn: \"@@\"", format!("https://{}@o1.ingest.us.sentry.io/42", hex(32))),
        ("npm", "x @@ x", format!("npm_{}", word(36))),
        ("GitHub", "x @@ x", format!("ghp_{}", word(36))),
        ("GitHub, fine-grained", "x @@ x", format!("github_pat_{}_{}", word(22), word(59))),
        ("GitLab", "x @@ x", format!("glpat-{}", word(20))),
        ("AWS key", "x @@ x", "AKIAZ7EXAMPL3KEY4567".to_owned()),
        ("AWS secret", "aws_secret_access_key = @@", word(40)),
        ("Stripe", "x @@ x", format!("sk_live_{}", word(24))),
        ("Stripe webhook", "x @@ x", format!("whsec_{}", word(32))),
        ("Google", "x @@ x", format!("AIza{}", word(35))),
        ("Google OAuth", "x @@ x", format!("GOCSPX-{}", word(28))),
        ("Slack", "x @@ x", format!("xoxb-{}-{}-{}", letters("0123456789", 12), letters("0123456789", 13), word(24))),
        ("Slack webhook", "post(\"https://hooks.slack.com/services/@@\")", format!("T0AAAAAAA/B0AAAAAAA/{}", word(24))),
        ("Discord webhook", "https://discord.com/api/webhooks/@@", format!("123456789012345678/{}", word(68))),
        ("SendGrid", "x @@ x", format!("SG.{}.{}", word(22), word(43))),
        ("OpenAI", "x @@ x", format!("sk-proj-{}", word(48))),
        ("Anthropic", "x @@ x", format!("sk-ant-api03-{}AA", word(93))),
        ("Hugging Face", "x @@ x", format!("hf_{}", word(34))),
        ("Shopify", "x @@ x", format!("shpat_{}", hex(32))),
        ("Linear", "x @@ x", format!("lin_api_{}", word(40))),
        ("DigitalOcean", "x @@ x", format!("dop_v1_{}", hex(64))),
        ("Docker Hub", "x @@ x", format!("dckr_pat_{}", word(27))),
        ("PyPI", "x @@ x", format!("pypi-AgEIcHlwaS5vcmc{}", word(60))),
        ("Vault", "x @@ x", format!("hvs.{}", word(90))),
        ("Twilio", "x @@ x", format!("SK{}", hex(32))),
        ("Telegram", "x @@ x", format!("123456789:AA{}", word(33))),
        ("Supabase", "x @@ x", format!("sbp_{}", hex(40))),
        ("Netlify", "x @@ x", format!("nfp_{}", word(36))),
        ("Resend", "x @@ x", format!("re_{}_{}", word(8), word(24))),
        ("JSON web token", "x @@ x", format!("eyJ{}.eyJ{}.{}", word(20), word(40), word(43))),
        ("database", "\"postgres://app:@@@db.example:5432/x\"", word(15)),
        ("MongoDB", "\"mongodb+srv://u:@@@c.mongodb.net/x\"", word(13)),
        ("private key", "-----BEGIN PRIVATE KEY-----\n@@\n-----END PRIVATE KEY-----", word(64)),
        ("OpenSSH key", "-----BEGIN OPENSSH PRIVATE KEY-----\n@@\n-----END OPENSSH PRIVATE KEY-----", word(70)),
        (
            "private key in a literal",
            "\"-----BEGIN RSA PRIVATE KEY-----\\n@@\\n-----END RSA PRIVATE KEY-----\"",
            word(63),
        ),
        ("PGP", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n@@\n-----END PGP PRIVATE KEY BLOCK-----", word(65)),
        ("Docker login", "{ \"auths\": { \"host.example\": { \"auth\": \"@@\" } } }", encoded(b"me:d0cker-l0gin-pw")),
        ("netrc", "machine api.example login me password @@", word(12)),
        ("kubeconfig", "    client-key-data: @@", encoded(b"-----BEGIN RSA PRIVATE KEY-----\nabc")),
        ("kubeconfig token", "    token: @@", word(31)),
        ("AWS profile", "aws_secret_access_key=@@", word(39)),
        ("AWS session", "aws_session_token = @@", word(99)),
        ("service account", "\"private_key_id\": \"@@\"", hex(40)),
        (
            "service account key",
            "\"private_key\": \"-----BEGIN PRIVATE KEY-----\\n@@\\n-----END PRIVATE KEY-----\\n\"",
            word(61),
        ),
        ("percent-encoded login", "https://me%40x.example:@@@host.example/", "p%40ss%2Fw0rd%21".to_owned()),
        (
            "Azure storage",
            "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=@@;EndpointSuffix=core.windows.net",
            format!("{}==", word(86)),
        ),
        ("Azure bus", "Endpoint=sb://x.example/;SharedAccessKeyName=Root;SharedAccessKey=@@", format!("{}=", word(43))),
        ("Azure signature", "https://x.blob.core.windows.net/y?sv=2024-01-01&sp=r&sig=@@", format!("{}%3D", word(43))),
        ("SQL Server", "Server=db;User Id=sa;Password=@@;Encrypt=true", "S3cret!Pw99".to_owned()),
        ("basic", "Authorization: Basic @@", encoded(b"me:basic-s3cret-9")),
        ("YAML", "db:\n  password: @@", "hunter2hunter9".to_owned()),
        ("YAML block", "db:\n  password: |\n    @@", "blockS3cretHunter9".to_owned()),
        ("YAML folded", "  api_key: >-\n    @@", word(23)),
        ("YAML environment", "  - name: SENTRY_AUTH_TOKEN\n    value: @@", word(33)),
        ("TOML", "api_token = '@@'", word(19)),
        ("comment", "// password: @@", "c0mmentHunter".to_owned()),
        ("source map", "\"sourcesContent\":[\"const c = { password: \\\"@@\\\" };\\n\"]", "m4psHunter".to_owned()),
        ("token of a user of Sentry", "x @@ x", format!("sntryu_{}", hex(64))),
        ("DSN with a secret", "x https://@@@sentry.example/42 x", format!("{}:{}", hex(31), hex(30))),
        ("cookie", "Cookie: theme=dark; connect.sid=@@; lang=en", format!("s%3A{}.{}", word(32), word(41))),
        ("set-cookie", "set-cookie: session=@@; Path=/; HttpOnly", word(37)),
        ("Slack trigger", "https://hooks.slack.com/triggers/@@", format!("T0AAAAAAA/1234567890/{}", hex(29))),
        (
            "Discord, other host",
            "https://canary.discord.com/api/v10/webhooks/@@",
            format!("123456789012345679/{}", word(67)),
        ),
        ("Zapier", "https://hooks.zapier.com/hooks/catch/@@/", format!("1234567/{}", word(7))),
        ("Google Chat", "https://chat.googleapis.com/v1/spaces/AAA/messages?key=x&token=@@", word(42)),
        ("Redis", "\"redis://:@@@cache.example:6379/0\"", word(11)),
        ("AMQP", "amqps://app:@@@mq.example/x", "amqp.P4ss-word".to_owned()),
        ("JDBC", "jdbc:postgresql://h.example/x?user=app&password=@@&ssl=true", word(10)),
        ("PGPASSWORD", "PGPASSWORD=@@ psql", word(9)),
        ("MYSQL_PWD", "MYSQL_PWD=@@ mysql", "my5qlHunter".to_owned()),
        ("flag", "sentry-cli --auth-token @@ sourcemaps upload", word(47)),
        ("flag with =", "vercel deploy --token=@@", word(24)),
        ("curl", "curl -u deploy:@@ https://host.example", "curlS3cret9".to_owned()),
        ("header of a key", "curl -H \"X-Api-Key: @@\"", word(27)),
        ("header of GitLab", "headers: { \"PRIVATE-TOKEN\": \"@@\" }", word(28)),
        ("headers.set", "headers.set(\"x-api-key\", \"@@\")", word(34)),
        ("tuple", "[[\"Authorization\", \"Token @@\"]]", word(35)),
        ("nodemailer", "auth: { user: \"me\", pass: \"@@\" }", "m4ilerHunter".to_owned()),
        ("pwd", "{ user: 'sa', pwd: '@@' }", "pwdHunter77".to_owned()),
        ("environment by default", "process.env.SECRET ?? \"@@\"", "f4llbackHunter".to_owned()),
        ("argument by default", "env(\"JWT_SECRET\", \"@@\")", "d3faultHunter".to_owned()),
        ("property set", "process.env.API_TOKEN = \"@@\"", word(45)),
        ("XML", "<password>@@</password>", "xmlHunter22".to_owned()),
        ("XML attribute", "<add key=\"ApiKey\" value=\"@@\" />", word(46)),
        ("Terraform state", "\"master_password\": \"@@\",", "t3rraHunter".to_owned()),
        (
            "mnemonic",
            "mnemonic: \"@@\"",
            "legal winner thank year wave sausage worth useful legal winner thank yellow".to_owned(),
        ),
        ("Azure client", "x @@ x", format!("abc8Q~{}", word(34))),
        ("New Relic", "x @@ x", format!("NRAK-{}", letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 27))),
        ("Mailchimp", "x @@ x", format!("{}-us12", hex(32))),
        ("Notion", "x @@ x", format!("ntn_{}", word(46))),
        ("Airtable", "x @@ x", format!("pat{}.{}", word(14), hex(64))),
        ("Postman", "x @@ x", format!("PMAK-{}-{}", hex(24), hex(34))),
        ("Grafana", "x @@ x", format!("glsa_{}_{}", word(32), hex(8))),
        ("Doppler", "x @@ x", format!("dp.pt.{}", word(43))),
        ("Pulumi", "x @@ x", format!("pul-{}", hex(40))),
        ("Terraform Cloud", "x @@ x", format!("{}.atlasv1.{}", word(14), word(67))),
        ("Databricks", "x @@ x", format!("dapi{}", hex(32))),
        ("Replicate", "x @@ x", format!("r8_{}", word(37))),
        ("Tailscale", "x @@ x", format!("tskey-auth-{}-{}", word(17), word(32))),
        ("1Password", "x @@ x", format!("ops_eyJ{}", word(250))),
        ("Vercel Blob", "x @@ x", format!("vercel_blob_rw_{}_{}", word(16), word(30))),
        ("RubyGems", "x @@ x", format!("rubygems_{}", hex(48))),
        ("Neon", "x @@ x", format!("napi_{}", word(60))),
        ("Mapbox", "x @@ x", format!("sk.eyJ{}.{}", word(60), word(22))),
        ("Fly", "x @@ x", format!("fm2_{}", word(120))),
        ("Razorpay", "x @@ x", format!("rzp_live_{}", word(14))),
        ("xAI", "x @@ x", format!("xai-{}", word(80))),
        ("Perplexity", "x @@ x", format!("pplx-{}", word(48))),
        ("OpenAI, old", "x @@ x", format!("sk-{}T3BlbkFJ{}", word(20), word(21))),
    ]
}

/// Files of an app whose variables are among the planted secrets, with their texts.
pub(super) fn files() -> [(&'static str, String); 5] {
    [
        (".env", "PART=3xpanded-P4rt\nWHOLE=pre-${PART}-post\nDB=postgres://app:dbP4ssw0rd@h/x\n".to_owned()),
        // No quotes of `.env` can hold all of them, so this one is written in backquotes.
        (".env.local", format!("VALUE=`{VALUE}`\n")),
        (".envrc", "export MY_TOKEN=envrc-s3cret-value\n".to_owned()),
        (".dev.vars", "MY_SECRET=wrangler-s3cret-value\n".to_owned()),
        (
            "docker-compose.yml",
            "services:\n  db:\n    environment:\n      - DB_PASSWORD=compose-s3cret-value\n".to_owned(),
        ),
    ]
}
