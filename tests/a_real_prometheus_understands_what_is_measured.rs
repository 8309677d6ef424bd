//! `/metrics`, the rules and the dashboards against a real Prometheus that scrapes a server under load: every query of
//! each gives a number.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::binary::{PATIENCE, Running, Scratch, command, converse};

/// Stands for Grafana's variables.
const VARIABLES: [(&str, &str); 3] = [("$__rate_interval", "5s"), ("$instance", ".+"), ("$room", ".+")];

/// A child process that ends with the test.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A program of Prometheus, which is installed when it is missing and may be.
fn tool(name: &str) -> Command {
    let is_there = || Command::new(name).arg("--version").output().is_ok();
    if !is_there() {
        let script = repository("scripts/test-tools.sh");
        let installed = Command::new("sh").arg(script).arg("prometheus").status();
        assert!(installed.is_ok_and(|status| status.success()) && is_there(), "{name} is missing: install prometheus");
    }
    Command::new(name)
}

/// Runs promtool; it must be silent but for `Checking … SUCCESS`.
fn promtool(args: &[&str], input: &str) {
    use std::io::Write;
    let mut child = tool("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "promtool {args:?}: {said}");
}

struct Prometheus {
    address: String,
    _process: Owned,
}

impl Prometheus {
    /// Scrapes `server` every half second and evaluates the rules of `deploy`.
    fn start(scratch: &Scratch, server: &Running) -> Prometheus {
        let rules = repository("deploy/prometheus/rules.yaml");
        let config = format!(
            "global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}\nrule_files: [{rules:?}]\n\
             scrape_configs: [{{job_name: plenum, static_configs: [{{targets: [\"{}\"]}}]}}]\n",
            server.address
        );
        let config = scratch.write("prometheus.yaml", &config);
        // Free now; whoever takes it before Prometheus does makes this test fail by its name.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut process = tool("prometheus");
        process.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={address}"));
        process.arg(format!("--storage.tsdb.path={}", scratch.path().join("data").display()));
        let process = Owned(process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        // It listens before it is ready.
        let is_ready = |stream| converse(stream, &address, "GET", "/-/ready", &[], "").status == 200;
        while !TcpStream::connect(&address).is_ok_and(is_ready) {
            assert!(Instant::now() < deadline, "prometheus does not get ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        Prometheus { address, _process: process }
    }

    fn ask(&self, path: &str, body: &str) -> Value {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let method = if body.is_empty() { "GET" } else { "POST" };
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = converse(stream, &self.address, method, path, &form, body);
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{path}: {}", answer.body))
    }

    /// What is wrong with a query's result, if anything.
    fn problem(&self, query: &str) -> Option<String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.ask("/api/v1/query", &format!("query={encoded}"));
        if answer["status"] != "success" {
            panic!("{query}: {}", answer["error"]);
        }
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let is_number = |value: &Value| value["value"][1].as_str().is_some_and(|text| text != "NaN");
        match series.iter().any(is_number) {
            true => None,
            false => Some(format!("{query}: {} series, no number", series.len())),
        }
    }
}

/// Every query of every dashboard.
fn dashboards() -> Vec<String> {
    let mut queries = Vec::new();
    for entry in std::fs::read_dir(repository("grafana/dashboards")).unwrap() {
        let path = entry.unwrap().path();
        let board: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let panels = board["panels"].as_array().unwrap();
        let before = queries.len();
        for target in panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten() {
            let query = target["expr"].as_str().unwrap().to_owned();
            queries.push(VARIABLES.iter().fold(query, |query, (name, value)| query.replace(name, value)));
        }
        assert!(queries.len() > before, "{} asks nothing", path.display());
    }
    assert!(queries.iter().all(|query| !query.contains('$')), "a variable that nobody sets");
    queries
}

/// Every query of the rules as Prometheus loaded them. Of an alert, which has no result while all is well, what it
/// compares.
fn rules(prometheus: &Prometheus) -> Vec<String> {
    let answer = prometheus.ask("/api/v1/rules", "");
    let groups = answer["data"]["groups"].as_array().unwrap().clone();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
    let query = |rule: Value| {
        let query = rule["query"].as_str().unwrap().to_owned();
        if rule["type"] != "alerting" {
            return query;
        }
        let (left, limit) = query.rsplit_once([' ']).unwrap();
        assert!(limit.parse::<f64>().is_ok(), "{query} compares with no number");
        left.trim_end_matches(['=', '<', '>', ' ']).to_owned()
    };
    rules.map(query).collect()
}

#[test]
fn every_query_of_the_dashboards_and_rules_gives_a_number_under_load() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[]);
    let prometheus = Prometheus::start(&scratch, &server);
    let mut load = command(scratch.path());
    load.args([
        "load",
        "churn",
        "--publishers=2",
        "--subscribers=6",
        "--churn=2",
        "--weak=50",
        "--loss=2",
        "--duration=120",
    ]);
    load.arg("--bitrates=100,300").arg(format!("--server=http://{}", server.address));
    let _load = Owned(load.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let mut left = dashboards();
    let rules = rules(&prometheus);
    assert!(rules.len() > 20, "{rules:?}");
    left.extend(rules);
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let problems: Vec<(String, String)> =
            left.iter().filter_map(|query| Some((query.clone(), prometheus.problem(query)?))).collect();
        if problems.is_empty() {
            break;
        }
        let told: Vec<&String> = problems.iter().map(|(_, problem)| problem).collect();
        assert!(Instant::now() < deadline, "{told:#?}");
        left = problems.into_iter().map(|(query, _)| query).collect();
        std::thread::sleep(Duration::from_millis(500));
    }
    // With members there, so that every metric has a value.
    promtool(&["check", "metrics"], &server.get("/metrics").body);
}

#[test]
fn promtool_finds_nothing_wrong_with_rules_and_configuration() {
    promtool(&["check", "rules", repository("deploy/prometheus/rules.yaml").to_str().unwrap()], "");
    promtool(&["check", "config", repository("deploy/prometheus/prometheus.yaml").to_str().unwrap()], "");
}
