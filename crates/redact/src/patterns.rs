//! What looks like a secret, whoever it belongs to: a table of patterns. secretlint knows some of these forms as well; it is
//! run afterwards, over the whole directory.

use regex::bytes::{Captures, Regex};

use crate::Error;

/// What stands in the place of a secret.
pub const REDACTED: &str = "<redacted>";

/// What stands in the place of a DSN: one that the SDK accepts, so that the app behaves as before, and that leads nowhere,
/// as `.invalid` is a domain that cannot be registered.
pub const DSN: &str = "https://redacted@redacted.invalid/0";

/// What looks like a secret.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// What is said of it in the report.
    pub(crate) what: &'static str,
    pub(crate) regex: Regex,
    pub(crate) with: Replacement,
}

/// What stands in the place of something found; nothing where it is no secret after all.
type Replacement = fn(&Captures<'_>) -> Option<Vec<u8>>;

/// The form of a DSN. The part before `@` is the key, with the secret of old ones behind a colon.
const DSN_FORM: &str =
    r"https?://[0-9A-Za-z]{2,}(?::[0-9A-Za-z]+)?@([A-Za-z0-9.-]+)(?::[0-9]+)?/(?:[A-Za-z0-9._-]+/)*[0-9]+";

/// The passwords of `.npmrc` and `.yarnrc.yml`. A property `_auth` of a program is none.
pub(crate) const REGISTRY: &str = r#"(?m)(//[^\s=]+:(?:_authToken|_auth|_password)\s*=\s*"?|^(?:_authToken|_auth|_password)\s*=\s*"?|npmAuth(?:Token|Ident)["']?:\s*["']?)([^\s"',;]{6,})"#;

pub(crate) fn is_dsn(value: &str) -> bool {
    Regex::new(&format!("^{DSN_FORM}$")).is_ok_and(|regex| regex.is_match(value.as_bytes()))
}

/// The DSNs in `bytes` that lead away from this machine, replaced by `dsn`; nothing where there are none.
///
/// # Errors
/// When the pattern is none.
pub fn redirect(bytes: &[u8], dsn: &str) -> Result<Option<Vec<u8>>, Error> {
    let regex = Regex::new(DSN_FORM).map_err(Error::pattern("a DSN"))?;
    if !regex.captures_iter(bytes).any(|found| is_elsewhere(&found)) {
        return Ok(None);
    }
    let to = |found: &Captures<'_>| if is_elsewhere(found) { dsn.as_bytes().to_vec() } else { found[0].to_vec() };
    Ok(Some(regex.replace_all(bytes, to).into_owned()))
}

fn is_elsewhere(dsn: &Captures<'_>) -> bool {
    let own: [&[u8]; 3] = [b"127.0.0.1", b"localhost", b"redacted.invalid"];
    !own.contains(&&dsn[1])
}

/// A name whose value is a secret, with any separator, in any case.
const NAME: &str = r"[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|passphrase|passcode|(?:api|access|private|encryption|signing|account|shared|master|service|license|consumer|session|hmac|cookie)[_-]?key|key[_-]?data|credentials?|authorization|set-cookie|mysql_pwd|private-token)[a-z0-9_]*";

/// Tokens that begin in a way of their own.
const TOKENS: &[&str] = &[
    r"hf_[A-Za-z0-9]{30,}",
    r"dop_v1_[0-9a-f]{64}",
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}",
    r"lin_api_[A-Za-z0-9]{32,}",
    r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}",
    r"pypi-AgE[A-Za-z0-9_-]{50,}",
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}",
    r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]+",
    r"key-[0-9a-f]{32}\b",
    r"nfp_[A-Za-z0-9]{36,}",
    r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,}",
    r"sbp_[0-9a-f]{40}",
    r"(?:AC|SK)[0-9a-f]{32}\b",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    r"AT(?:ATT3[A-Za-z0-9_=-]{50,}|BB[A-Za-z0-9]{32,})",
    r"figd_[A-Za-z0-9_-]{40,}",
    r"phx_[A-Za-z0-9]{40,}",
    r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}",
    r"gsk_[A-Za-z0-9]{40,}",
    r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
    r"NR(?:AK|JS|RA|II)-[A-Za-z0-9-]{19,}",
    r"[0-9a-f]{32}-us[0-9]{1,2}\b",
    r"ntn_[A-Za-z0-9]{40,}",
    r"secret_[A-Za-z0-9]{43}\b",
    r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",
    r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",
    r"gl(?:sa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|c_eyJ[A-Za-z0-9+/=_-]{30,})",
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,}",
    r"pul-[0-9a-f]{40}",
    r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}",
    r"dapi[0-9a-f]{32}",
    r"r8_[A-Za-z0-9]{37}",
    r"tskey-[a-z]+-[A-Za-z0-9-]{20,}",
    r"ops_eyJ[A-Za-z0-9+/=_-]{50,}",
    r"vercel_blob_rw_[A-Za-z0-9]+_[A-Za-z0-9]{20,}",
    r"rubygems_[0-9a-f]{48}",
    r"napi_[A-Za-z0-9]{50,}",
    r"sk\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{15,}",
    r"fm[12][ar]?_[A-Za-z0-9+/=_-]{60,}",
    r"rzp_(?:live|test)_[A-Za-z0-9]{14}",
    r"xai-[A-Za-z0-9]{60,}",
    r"pplx-[A-Za-z0-9]{40,}",
    r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20,}",
    r"EAA[A-Za-z0-9]{60,}",
    r"CFPAT-[A-Za-z0-9_-]{40,}",
    r"sq[pua]_[0-9a-f]{40}",
    r"tfp_[A-Za-z0-9_-]{40,}",
    r"shippo_(?:live|test)_[0-9a-f]{40}",
    r"access-(?:production|development|sandbox)-[0-9a-f-]{36}",
    r"FLWSECK(?:_TEST)?-[0-9A-Za-z-]{12,}",
    r"EZ[AT]K[A-Za-z0-9]{54}",
    r"HRKU-[A-Za-z0-9_-]{36,}",
    r"ddp_[A-Za-z0-9]{36}",
    r"CCIPAT_[A-Za-z0-9_]{40,}",
    r"bkua_[0-9a-f]{40}",
    r"cio[A-Za-z0-9]{32}\b",
    r"oy2[a-z0-9]{43}\b",
    r"AKCp[A-Za-z0-9]{60,}",
    r"APA91b[A-Za-z0-9_-]{60,}",
    r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}",
];

/// All patterns.
///
/// # Errors
/// When one of them is none.
pub(crate) fn all() -> Result<Vec<Pattern>, Error> {
    let tokens = format!(r"\b(?:{})", TOKENS.join("|"));
    let rows: [(&'static str, &str, Replacement); 37] = [
        // First, as the name before a key would be found with its first word alone.
        (
            "a private key",
            r"-----BEGIN [A-Z ]*(?:PRIVATE KEY(?: BLOCK)?|PGP MESSAGE)-----(?s:.)*?-----END [A-Z ]*(?:PRIVATE KEY(?: BLOCK)?|PGP MESSAGE)-----",
            whole,
        ),
        ("a token of Sentry", r"sntry[a-z]_[A-Za-z0-9+/=_-]{8,}", whole),
        ("a DSN", DSN_FORM, dsn),
        (
            "a name and password in a URL",
            r#"([a-z][a-z0-9+.-]{1,20}://)([^\s/:@"'`<>{}\\$]*:[^\s/@"'`<>{}\\$]+)@"#,
            |found| Some([&found[1], REDACTED.as_bytes(), b"@"].concat()),
        ),
        ("a token in a URL", r"(https?://)([A-Za-z0-9_.~%-]{8,})@([A-Za-z0-9.-]+)", |found| {
            let own = [&b"127.0.0.1"[..], b"localhost", b"redacted.invalid"].contains(&&found[3]);
            (!own && has_digit(&found[2])).then(|| [&found[1], REDACTED.as_bytes(), b"@", &found[3]].concat())
        }),
        (
            "a secret in a query",
            r"(?i)([?&](?:sig|signature|x-(?:amz|goog)-signature|[a-z_-]*(?:token|api_?key|secret|passw(?:or)?d|pwd))=)([A-Za-z0-9%._~+/=!-]{6,})",
            behind_name,
        ),
        ("the password of a registry", REGISTRY, behind_name),
        (
            "a header with credentials",
            r"(?i)(\b(?:bearer|basic)\s+)([A-Za-z0-9._~+/-]*[0-9][A-Za-z0-9._~+/-]{5,}=*)",
            |found| (found[2].len() >= 8).then(|| behind_name(found)).flatten(),
        ),
        (
            "a header with credentials",
            &format!(
                r#"(?i)(["'`]{NAME}["'`]?\s*[:,]\s*["'`]?(?:token|apikey|bearer|basic)?\s*)([^"'`\s$<>{{}}(),;\\]{{8,}})"#
            ),
            with_digit,
        ),
        (
            "a cookie",
            r#"(?i)(\b(?:set-)?cookie["'`]?\s*[:,=]\s*["'`]?(?:[^=;\s"'`]+=[^;\s"'`]{0,15};\s*)*[^=;\s"'`]+=)([^;\s"'`${}]{16,})"#,
            behind_name,
        ),
        // The rules of secretlint know names of variables of a few services; an app has its own.
        (
            "the literal of a name that says secret",
            &format!(r#"(?i)({NAME}\\*["']?\]?\s*[:=]\s*\\*["'`])([^"'`\s$<>{{}}\\]{{6,}})"#),
            unless_of_forms,
        ),
        (
            "the literal of a name that says secret",
            r#"(\b(?:[A-Za-z0-9]+[_-])*(?:[a-z0-9]+P(?:ass|wd)|(?i:pass|pwd|pat))\\*["']?\]?\s*[:=]\s*\\*["'`])([^"'`\s$<>{}\\/.]{6,})"#,
            unless_of_forms,
        ),
        (
            "the words of a wallet",
            r#"(?i)((?:mnemonic|(?:seed|recovery)[_ -]?(?:phrase|words))\\*["']?\]?\s*[:=]\s*\\*["'`])([^"'`\n$<>{}\\]{20,})"#,
            behind_name,
        ),
        (
            "what stands in where a variable is not set",
            &format!(r#"(?i)(\benv[.\[("'`\s]+{NAME}["'`\])]*\s*(?:\?\?|\|\||:)=?\s*["'`])([^"'`\s$<>{{}}\\]{{6,}})"#),
            unless_of_forms,
        ),
        (
            "an assignment to a name that says secret",
            r"(?m)(\b[A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|_PWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)[A-Z0-9_]*=)([^\s\x22'`$<>(){},;&|]{6,})",
            behind_name,
        ),
        (
            "an assignment to a name that says secret",
            &format!(r#"(?i)(\b{NAME}=)([^\s"'`$<>(){{}},;&|\\]{{8,}})"#),
            with_digit,
        ),
        (
            "a line with a secret",
            &format!(r#"(?mi)(^[\s/#*>;-]*["']?{NAME}["']?\s*[:=][ \t]*)([A-Za-z0-9+/_=~!@#%^*.-]{{8,}})[ \t\r]*$"#),
            |found| (!is_code(&found[2])).then(|| with_digit(found)).flatten(),
        ),
        (
            "a block with a secret",
            &format!(
                r#"(?mi)(^[\s/#*-]*["']?{NAME}["']?\s*:[ \t]*[|>][+-]?[0-9]?[ \t\r]*\n[ \t]+)([^\s<$][^\n]*(?:\n[ \t]+[^\s][^\n]*)*)"#
            ),
            behind_name,
        ),
        (
            "the value of a name that says secret",
            &format!(
                r#"(?i)(\b(?:name|key)["']?\s*[:=]\s*["']?{NAME}["']?,?\s+["']?value["']?\s*[:=]\s*["']?)([^\s"'`$<>{{}}]{{6,}})"#
            ),
            with_digit,
        ),
        (
            "an element with a secret",
            r"(?i)(<[a-z0-9_.:-]*(?:passw(?:or)?d|secret|token|api[_-]?key)>)([^<>\s{}$]{6,})",
            with_digit,
        ),
        ("the password of a machine", r"(\b(?:machine|login)\s+\S+\s+password\s+)(\S{4,})", behind_name),
        ("the login of a registry", r#"("auth"\s*:\s*")([A-Za-z0-9+/]{12,}={0,2})"#, behind_name),
        (
            "a secret on a command line",
            r#"(?i)(\s--?[a-z-]*(?:token|passw(?:or)?d|secret|api-?key|auth-?key|access-?key|private-?key)(?:=|\s+)["']?)([^\s"'`$<>{}|&;\\-][^\s"'`$<>{}|&;\\]{5,})"#,
            with_digit,
        ),
        (
            "a password on a command line",
            r#"(\b(?:curl|wget|http)\b[^\n]*?\s(?:-u|--user)[\s=]+["']?[^\s:"'$]+:|\bsshpass\s+-p\s*["']?|\bmysql(?:dump)?\b[^\n]*?\s-p)([^\s"'`$]{4,})"#,
            behind_name,
        ),
        ("a token of npm", r"\bnpm_[A-Za-z0-9]{36}\b", whole),
        ("a token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})", whole),
        ("a token of GitLab", r"\bgl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_.-]{20,}", whole),
        ("a key of AWS", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", whole),
        ("a key of Stripe", r"\b(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{16,})", whole),
        ("a key of Google", r"\b(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})", whole),
        ("a token of Slack", r"\bx(?:ox[abeprs]|app)-[A-Za-z0-9-]{10,}", whole),
        ("a key of SendGrid", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", whole),
        ("a key of a model", r"\bsk-(?:proj|ant|svcacct|admin|or)-[A-Za-z0-9_-]{16,}", whole),
        (
            "the address of a webhook",
            r"(https://(?:hooks\.slack\.com/(?:services|workflows|triggers)|(?:ptb\.|canary\.)?discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks|[a-z0-9.-]+\.webhook\.office\.com|hooks\.zapier\.com/hooks/catch|maker\.ifttt\.com/trigger)/)([A-Za-z0-9_/@.-]{12,})",
            behind_name,
        ),
        ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", whole),
        ("a token of a known form", &tokens, whole),
        // `-----BEGIN `, of a certificate as well, which tells little.
        ("a key in base 64", r"\bLS0tLS1CRUdJTi[A-Za-z0-9+/]{20,}={0,2}", whole),
    ];
    rows.into_iter()
        .map(|(what, pattern, with)| {
            let regex = Regex::new(&format!("(?-u){pattern}")).map_err(Error::pattern(what))?;
            Ok(Pattern { what, regex, with })
        })
        .collect()
}

fn whole(_: &Captures<'_>) -> Option<Vec<u8>> {
    Some(REDACTED.as_bytes().to_vec())
}

fn dsn(found: &Captures<'_>) -> Option<Vec<u8>> {
    is_elsewhere(found).then(|| DSN.as_bytes().to_vec())
}

/// What stands before the secret and says what it is stays.
fn behind_name(found: &Captures<'_>) -> Option<Vec<u8>> {
    let secret = found.get(2).map_or(&b""[..], |secret| secret.as_bytes());
    (!secret.starts_with(b"<redacted") && !secret.starts_with(b"$")).then(|| [&found[1], REDACTED.as_bytes()].concat())
}

fn unless_of_forms(found: &Captures<'_>) -> Option<Vec<u8>> {
    (!is_word_of_forms(&found[2])).then(|| behind_name(found)).flatten()
}

/// What is in no quotes, or behind another name, is a word of a program more often than a secret. That has a digit.
fn with_digit(found: &Captures<'_>) -> Option<Vec<u8>> {
    has_digit(&found[2]).then(|| unless_of_forms(found)).flatten()
}

fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

/// Whether an unquoted value is a name of a program: its digits are those of technical words, or it is a member.
fn is_code(value: &[u8]) -> bool {
    const WORDS: [&str; 16] = [
        "oauth2", "oauth1", "base64", "base32", "sha1", "sha256", "sha384", "sha512", "md5", "utf8", "x509", "ed25519",
        "p256", "es256", "rs256", "hs256",
    ];
    let mut text = String::from_utf8_lossy(value).to_ascii_lowercase();
    for word in WORDS {
        text = text.replace(word, "");
    }
    let is_member =
        text.contains('.') && text.split('.').all(|part| part.starts_with(|it: char| it.is_ascii_alphabetic()));
    is_member || !has_digit(text.as_bytes())
}

/// Whether a literal is made of words that forms and types use for such a field, as in `type="password"`.
fn is_word_of_forms(value: &[u8]) -> bool {
    const WORDS: [&str; 28] = [
        "current",
        "new",
        "confirm",
        "old",
        "password",
        "passwd",
        "username",
        "email",
        "user",
        "token",
        "secret",
        "string",
        "text",
        "hidden",
        "required",
        "invalid",
        "missing",
        "bearer",
        "basic",
        "header",
        "cookie",
        "csrf",
        "session",
        "authorization",
        "access",
        "refresh",
        "api",
        "key",
    ];
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).all(|word| word.is_empty() || WORDS.contains(&word))
}
