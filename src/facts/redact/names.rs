//! Names that sound like secrets, and values that are none even under such a name.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::MASK;
use super::patterns::{automaton, ends_word};
use super::record::Rule;

/// Words that name a secret wherever they stand.
const SECRET_WORDS: &str = "\
    password passwd passphrase passcode pwd secret secrets token tokens apikey credential credentials creds \
    authorization bearer htpasswd dockerconfigjson dockercfg adminpass bindpass dbpass keypass ldappass mailpass \
    mysqlpass pgpass rootpass smtppass storepass userpass";

/// Words that name a secret when they stand last.
const SECRET_LAST_WORDS: &str = "\
    auth pass pat pw psw jwt otp totp salt pepper sshpass requirepass masterauth";

/// Endings of words that were written together: `PGPASSWORD`, `githubtoken`.
const SECRET_ENDINGS: &str = "\
    password passwd passphrase secret token apikey accesskey secretkey privatekey credentials";

/// What a key must be called to be a secret: most keys are none.
const SECRET_KEYS: &str = "\
    api app application access private secret signing encryption encrypt master account auth license shared \
    session storage service deploy client server tls ssl ssh rsa hmac cookie jwt aes crypt crypto cert unseal \
    admin root fernet webhook integration ingest write age";

/// Two words that name a secret together.
const SECRET_PAIRS: &[(&str, &str)] = &[
    ("access", "signature"),
    ("amz", "signature"),
    ("goog", "signature"),
    ("connection", "string"),
    ("role", "secretid"),
];

/// Last words that turn a secret's name into the name of something about it: `DB_PASSWORD_FILE`, `TOKEN_TTL`.
const ABOUT: &str = "\
    agent alg algorithm allowed audience backend checksum class cost count days digest dir directory disabled \
    driver duration enable enabled endpoint env expiration expires expiry file fingerprint folder format header \
    headers helper host hostname hours interval issuer kind label len length lifetime limit location manager max \
    md5 method min minutes mode mount name names namespace path period plugin policy port prefix provider public \
    realm ref reference required rotation scheme scope scopes seconds selector service sha1 sha256 sha512 size \
    sock socket state status store suffix template timeout ttl type types uri url urls version";

/// Words that make of tokens what language models count: `MAX_TOKENS`, `TOKENS_PER_SECOND`.
const COUNTING: &str = "\
    batch context count input limit max min num number output per total";

/// Words of accounts, whose values troubleshoot's redactors mask too.
const ACCOUNT_WORDS: &str = "\
    user username database";

/// Values that say nothing, whatever they are called.
const EMPTY_VALUES: &str = "\
    true false yes no on off none null nil enabled disabled optional required always never undefined basic \
    bearer oauth2 oidc ldap saml default";

/// Directories that an absolute path in an image begins with. A password may begin with a slash, too.
const ROOTS: &str = "\
    /app/ /bin/ /certs/ /code/ /config/ /data/ /dev/ /etc/ /home/ /keys/ /lib/ /mnt/ /opt/ /proc/ /root/ /run/ \
    /secrets/ /srv/ /sys/ /tls/ /tmp/ /usr/ /var/ /vault/ /workspace/ ./ ../ ~/ C:\\ c:\\ file://";

/// Finds [`hints`].
static HINT: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| automaton(hints()));

/// Of these words every name holds one for which there is a [`rule`], and few other texts do.
pub(super) fn hints() -> impl Iterator<Item = &'static str> {
    let lists = [SECRET_WORDS, SECRET_LAST_WORDS, SECRET_ENDINGS, ACCOUNT_WORDS, "key keys account last-applied"];
    let pairs = SECRET_PAIRS.iter().map(|(_, second)| *second);
    lists.into_iter().flat_map(|list| list.split(' ')).chain(pairs)
}

/// Whether anything in `text` may be a name for which there is a [`rule`]. It is told much faster than which.
pub(super) fn may_be_in(text: &str) -> bool {
    HINT.as_ref().is_none_or(|hint| hint.find_overlapping_iter(text).any(|word| ends_word(text, word.end())))
}

/// The rule by which the value of something called `name` is a secret.
pub(super) fn rule(name: &str) -> Option<Rule> {
    // Most names hint at nothing.
    if may_be_in(name) { rule_by_words(name) } else { None }
}

fn rule_by_words(name: &str) -> Option<Rule> {
    if name == "kubectl.kubernetes.io/last-applied-configuration" {
        return Some(Rule::SecretName);
    }
    let words: Vec<String> = words(name).into_iter().map(without_number).collect();
    let last = words.last()?.as_str();
    // The shell's working directories.
    if words.len() == 1 && matches!(last, "pwd" | "oldpwd") {
        return None;
    }
    if words.iter().any(|word| among(COUNTING, word)) && is_about_tokens_alone(&words) {
        return None;
    }
    let is_secret = sounds_secret(&words) || (is_secret_key(&words) && !is_public(&words));
    if is_secret {
        return (!among(ABOUT, last)).then_some(Rule::SecretName);
    }
    let is_account =
        words.iter().any(|word| among(ACCOUNT_WORDS, word)) || pairs(&words).any(|pair| pair == ("owner", "account"));
    (is_account && (last == "name" || !among(ABOUT, last))).then_some(Rule::AccountName)
}

/// `password2` is a second password; `sha256` is a word.
fn without_number(word: String) -> String {
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.is_empty() || among(ABOUT, &word) { word } else { stem.to_owned() }
}

fn sounds_secret(words: &[String]) -> bool {
    let was_joined =
        |word: &String| SECRET_ENDINGS.split(' ').any(|ending| word.len() > ending.len() && word.ends_with(ending));
    words.iter().any(|word| among(SECRET_WORDS, word) || was_joined(word))
        || words.last().is_some_and(|last| among(SECRET_LAST_WORDS, last))
        || pairs(words).any(|pair| SECRET_PAIRS.contains(&pair))
}

fn is_about_tokens_alone(words: &[String]) -> bool {
    let others: Vec<String> = words.iter().filter(|word| *word != "tokens").cloned().collect();
    others.len() < words.len() && !sounds_secret(&others)
}

fn is_secret_key(words: &[String]) -> bool {
    pairs(words).any(|(what, key)| matches!(key, "key" | "keys") && among(SECRET_KEYS, what))
}

fn is_public(words: &[String]) -> bool {
    words.iter().any(|word| matches!(word.as_str(), "public" | "gpg" | "pgp"))
}

fn pairs(words: &[String]) -> impl Iterator<Item = (&str, &str)> {
    words.iter().zip(words.iter().skip(1)).map(|(first, second)| (first.as_str(), second.as_str()))
}

/// Whether `word` is one of a list's.
fn among(list: &str, word: &str) -> bool {
    list.as_bytes().split(|byte| *byte == b' ').any(|listed| listed == word.as_bytes())
}

/// Whether a value cannot be a secret: nothing, a word of a choice, a path, a public URL, a digest, or the name of a
/// variable that holds it elsewhere.
pub(super) fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || EMPTY_VALUES.split(' ').any(|word| value.eq_ignore_ascii_case(word))
        || value.contains(MASK)
        || (value.len() > 2 && value.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-')))
        || is_variable(value)
        || ROOTS.split(' ').any(|root| value.starts_with(root))
        || is_public_url(value)
        || crate::image::Digest::parse(value).is_ok()
}

/// `$NAME`, `${NAME}`, `$(command)`, `%NAME%`, `{{ template }}`, `<placeholder>`
fn is_variable(value: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let wrapped = |open: &str, close: &str| value.starts_with(open) && value.ends_with(close);
    value.strip_prefix('$').is_some_and(is_name)
        || (wrapped("${", "}") && !value.contains(":-") && !value.contains(":="))
        || value.starts_with("$(")
        || wrapped("{{", "}}")
        || wrapped("<", ">")
        || value.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).is_some_and(is_name)
}

/// An http URL that holds neither user nor query, where secrets would stand.
fn is_public_url(value: &str) -> bool {
    (value.starts_with("https://") || value.starts_with("http://")) && !value.contains(['@', '?', '#', ' '])
}

/// The words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` are two words each.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    // What a long name is about stands at its end.
    let chars: Vec<char> = name.chars().skip(name.chars().count().saturating_sub(256)).collect();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        // A word begins at a capital after a small letter, and at the last capital of several (`APIKey`).
        let begins = c.is_ascii_uppercase()
            && before.is_some_and(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || (b.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if !c.is_ascii_alphanumeric() || begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_words() {
        for (name, expected) in [
            ("DB_PASSWORD", "db password"),
            ("dbPassword", "db password"),
            ("spring.datasource.password", "spring datasource password"),
            ("APIKey", "api key"),
            ("x-api-key", "x api key"),
            ("_authToken", "auth token"),
            ("s3AccessKeyID", "s3 access key id"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }

    #[test]
    fn secrets_accounts_and_others_are_told_by_their_names() {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for name in names(
            "PASSWORD1 TOKEN2 api_key_3 LDAP_BIND_PW DB_PASSWORD PGPASSWORD MYSQL_PWD githubToken x-api-key AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID SECRET_KEY_BASE \
             VAULT_SECRET_ID REDISCLI_AUTH DB_PASS JWT_SIGNING_KEY private_key connectionString certKey kubeadmToken DBPASS pgpass --storepass \
             AUTH_TOKENS MAX_TOKENS_PASSWORD CONTEXT_TOKEN",
        ) {
            assert_eq!(rule(&name), Some(Rule::SecretName), "{name}");
        }
        for name in names("DB_USER POSTGRES_DATABASE DATABASE_NAME OWNER_ACCOUNT smtpUsername") {
            assert_eq!(rule(&name), Some(Rule::AccountName), "{name}");
        }
        for name in names(
            "PWD OLDPWD PATH GPG_KEY SSH_PUBLIC_KEY TOKEN_TTL DB_PASSWORD_FILE SECRET_NAME USER_AGENT AUTHOR AUTHORS KEYBOARD \
             MONKEY COMPASS BYPASS TOKENIZER_PATH PASSWORD_MIN_LENGTH SSH_AUTH_SOCK LICENSE DATABASE_URL SORT_KEY PARTITION_KEY \
             MAX_TOKENS TOKENS_PER_SECOND maxOutputTokens",
        ) {
            assert_eq!(rule(&name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_with_a_rule_is_hinted_at_wherever_it_stands(
            parts in proptest::collection::vec(name_part(), 1..4),
            around in ("[ -~]{0,8}", "(?:[^a-z0-9][ -~]{0,8})?"),
        ) {
            let name = parts.concat();
            let text = format!("{}{name}{}", around.0, around.1);
            prop_assert!(rule_by_words(&name).is_none() || (may_be_in(&name) && may_be_in(&text)), "{text:?}");
        }
    }

    /// A word of the lists or another, as names are put together.
    fn name_part() -> impl Strategy<Value = String> {
        let lists =
            [SECRET_WORDS, SECRET_LAST_WORDS, SECRET_ENDINGS, SECRET_KEYS, ABOUT, ACCOUNT_WORDS, "key keys owner"];
        let pairs = SECRET_PAIRS.iter().flat_map(|(first, second)| [*first, *second]);
        let words: Vec<&str> = lists.iter().flat_map(|list| list.split(' ')).chain(pairs).collect();
        let capital =
            |word: &str| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default();
        (proptest::sample::select(words), 0..4, "[-_./]?|[a-zA-Z0-9]").prop_map(move |(word, case, after)| match case {
            0 => word.to_owned() + &after,
            1 => word.to_ascii_uppercase() + &after,
            2 => capital(word) + &after,
            _ => after + word,
        })
    }

    #[test]
    fn what_names_nothing_is_not_hinted_at() {
        for text in ["RUN apt-get install -y curl && rm -rf /var/lib/apt/lists/*", "keyboard", "/usr/share/pathology"] {
            assert!(!may_be_in(text), "{text}");
        }
        assert_eq!(rule(&format!("{}_PASSWORD", "a".repeat(1000))), Some(Rule::SecretName));
    }

    #[test]
    fn what_points_elsewhere_is_harmless() {
        for value in [
            "",
            "true",
            "${DB_PASSWORD}",
            "$TOKEN",
            "$(cat /x)",
            "/run/secrets/db",
            "https://login.example.com/",
            "***",
        ] {
            assert!(is_harmless(value), "{value}");
        }
        for value in [
            "hunter2",
            "$2b$12$abcdefgh",
            "${DB_PASSWORD:-hunter2}",
            "/wEPDwUKLTE",
            "12345678",
            "https://h/?token=x",
            "$ecret",
        ] {
            assert!(!is_harmless(value), "{value}");
        }
    }
}
