//! Reads the layers and puts them together: file, variables, flags.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::{Action, Config, Flags};

/// What a variable's name begins with.
const PREFIX: &str = "PLENUM_";
/// Read from the working directory when no file is named.
const DEFAULT_FILE: &str = "plenum.toml";

/// Why there is no configuration. Each prints as one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Also what `--help` and `--version` end in: then [`clap::Error::use_stderr`] is false.
    #[error("{}; see plenum --help", sentence(.0))]
    Usage(clap::Error),
    #[error("{variable}: {problem}")]
    Variable { variable: String, problem: String },
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{}:{line}: {problem}", path.display())]
    File { path: PathBuf, line: usize, problem: String },
    #[error("{key}: {problem}")]
    Invalid { key: &'static str, problem: String },
}

/// What the process was asked to do.
#[derive(Clone, PartialEq, Debug)]
pub struct Invocation {
    /// `None` = serve.
    pub action: Option<Action>,
    pub config: Config,
}

/// Builds the configuration from a command line (with the program's name first) and an environment.
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Invocation, ConfigError> {
    let flags = Flags::try_parse_from(args).map_err(ConfigError::Usage)?;
    let environment = from_environment(variables)?;
    let mut config = match flags.config.as_ref().or(environment.config.as_ref()) {
        Some(path) => read(path)?,
        None if Path::new(DEFAULT_FILE).exists() => read(Path::new(DEFAULT_FILE))?,
        None => Config::default(),
    };
    let action = flags.action.clone();
    environment.apply_to(&mut config);
    flags.apply_to(&mut config);
    config.validate()?;
    Ok(Invocation { action, config })
}

/// Reads `PLENUM_SOME_FLAG=value` as `--some-flag=value`.
fn from_environment(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Flags, ConfigError> {
    let command = Flags::command();
    let mut args = vec![OsString::from("plenum")];
    for (name, value) in variables {
        let Some(variable) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let bad = |problem| ConfigError::Variable { variable: variable.to_owned(), problem };
        let flag = variable.trim_start_matches(PREFIX).to_ascii_lowercase().replace('_', "-");
        if !command.get_arguments().any(|arg| arg.get_long() == Some(&flag)) {
            return Err(bad("there is no such setting".to_owned()));
        }
        let mut arg = OsString::from(format!("--{flag}="));
        arg.push(&value);
        // One at a time first, so that the error names the variable.
        if let Err(error) = Flags::try_parse_from([OsString::from("plenum"), arg.clone()]) {
            return Err(bad(sentence(&error)));
        }
        args.push(arg);
    }
    Flags::try_parse_from(args).map_err(ConfigError::Usage)
}

/// A usage error on one line: the sentence, possible values, a similar flag; without the usage and the hints below.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<_> = lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    said.join("; ").trim_start_matches("error: ").to_owned()
}

/// Reads one TOML file over the defaults.
fn read(path: &Path) -> Result<Config, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let problem = error.message().lines().collect::<Vec<_>>().join(", ");
        ConfigError::File { path: path.to_owned(), line: before.matches('\n').count() + 1, problem }
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn strings<const N: usize>(args: [&str; N]) -> Vec<OsString> {
        args.iter().map(OsString::from).collect()
    }

    fn pairs<const N: usize>(variables: [(&str, &str); N]) -> Vec<(OsString, OsString)> {
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("plenum-config-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn with_file(name: &str, text: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<Invocation, ConfigError> {
        let path = file(name, text);
        let mut all: Vec<OsString> = strings(["plenum", "--config"]);
        all.push(path.clone().into());
        all.extend(args.iter().map(OsString::from));
        let loaded = load(all, variables.iter().map(|(name, value)| (name.into(), value.into())));
        std::fs::remove_file(path).unwrap();
        loaded
    }

    #[test]
    fn the_defaults_need_no_file_and_are_valid() {
        let loaded = load(strings(["plenum"]), []).unwrap();
        assert_eq!(loaded, Invocation { action: None, config: Config::default() });
        assert_eq!(loaded.config.http.address, "0.0.0.0:4000".parse::<SocketAddr>().unwrap());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_key_and_its_line() {
        let error = with_file("unknown", "[http]\nlan = true\nadress = \"[::]:80\"\n", &[], &[]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(":3: ") && text.contains("adress") && !text.contains('\n'), "{text}");
    }

    #[test]
    fn an_unknown_table_is_an_error_that_names_it() {
        let text = with_file("table", "[htpp]\nlan = true\n", &[], &[]).unwrap_err().to_string();
        assert!(text.contains("htpp"), "{text}");
    }

    #[test]
    fn a_variable_beats_the_file_and_a_flag_beats_both() {
        let file = "[media]\nudp_port = 5000\ntcp_port = 5001\nshards = 1\n";
        let variables = [("PLENUM_TCP_PORT", "6001"), ("PLENUM_SHARDS", "2"), ("HOME", "/nowhere")];
        let media = with_file("layers", file, &["--shards", "3"], &variables).unwrap().config.media;
        assert_eq!((media.udp_port, media.tcp_port, media.shards), (5000, 6001, 3));
    }

    #[test]
    fn lists_and_switches_can_be_given_as_variables() {
        let variables = pairs([
            ("PLENUM_LAN", "true"),
            ("PLENUM_TCP", "false"),
            ("PLENUM_TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1"),
            ("PLENUM_ANNOUNCED_ADDRESSES", "203.0.113.7,2001:db8::7"),
        ]);
        let config = load(strings(["plenum"]), variables).unwrap().config;
        assert!(config.http.lan && !config.media.tcp);
        assert_eq!(config.http.trusted_proxies.len(), 2);
        assert_eq!(config.media.announced_addresses.len(), 2);
    }

    #[test]
    fn an_unknown_variable_and_a_bad_value_are_errors_that_name_the_variable() {
        let unknown = load(strings(["plenum"]), pairs([("PLENUM_UDP_PROT", "1")])).unwrap_err().to_string();
        assert!(unknown.contains("PLENUM_UDP_PROT"), "{unknown}");
        let bad = load(strings(["plenum"]), pairs([("PLENUM_UDP_PORT", "many")])).unwrap_err().to_string();
        assert!(bad.contains("PLENUM_UDP_PORT") && bad.contains("many") && !bad.contains('\n'), "{bad}");
    }

    #[test]
    fn an_unreadable_file_is_one_clear_line() {
        let error = load(strings(["plenum", "--config", "/nonexistent/plenum.toml"]), []).unwrap_err().to_string();
        assert!(error.starts_with("cannot read /nonexistent/plenum.toml: ") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn values_that_cannot_work_are_refused_by_key() {
        for (text, key) in [
            ("[media]\nudp_port = 65535\nshards = 2\n", "media.udp_port"),
            ("[media]\ntcp_port = 4000\n", "media.tcp_port"),
            ("[media]\nannounced_addresses = [\"0.0.0.0\"]\n", "media.announced_addresses"),
            ("[limits]\nseats = 50\n", "limits.seats"),
            ("[limits]\nmembers_per_room = 1\n", "limits.members_per_room"),
            ("[limits]\nshard_load = 0\n", "limits.shard_load"),
            ("[http]\npublic_url = \"calls.example\"\n", "http.public_url"),
            ("[http]\npublic_url = \"https://calls.example/path\"\n", "http.public_url"),
            ("[http]\nallowed_origins = [\"https://a.example/\"]\n", "http.allowed_origins"),
            ("[http]\npublic_dir = \"/nonexistent\"\n", "http.public_dir"),
            ("[http]\naddress = \"127.0.0.1:80\"\nlan = true\n", "http.lan"),
            ("[access]\nrequire_token = true\n", "access.require_token"),
            ("[log]\notlp_endpoint = \"collector:4318\"\n", "log.otlp_endpoint"),
            ("[log]\nlevel = \"a=b=c\"\n", "log.level"),
        ] {
            let error = with_file(&key.replace('.', "-"), text, &[], &[]).unwrap_err().to_string();
            assert!(error.starts_with(key), "{text} gave {error}");
        }
    }

    #[test]
    fn every_setting_of_the_example_file_is_its_default() {
        let text = include_str!("../../plenum.example.toml");
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config, Config::default());
    }

    #[test]
    fn every_flag_is_documented_with_its_key() {
        for arg in Flags::command().get_arguments() {
            let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
            let id = arg.get_id().as_str();
            assert!(id == "config" || help.contains(" [") && help.contains(']'), "{id} does not name its key: {help}");
        }
    }
}
