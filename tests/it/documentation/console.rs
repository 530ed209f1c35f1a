//! Every console block of README and pages runs as it is shown, by `sh`. What can't run here is marked with its
//! reason: `<!-- not executed: … -->` on the line before the block.
//!
//! The hosts of the pages are servers of this test: `api:8080` a service, `prometheus:9090` an API of Prometheus,
//! `127.0.0.1:4317` an OTLP receiver. `vantage-obs` and the examples are those that `cargo test` has built, and
//! `curl` is a client of this test, which fails where the server refuses: nothing but Rust has to be there. The
//! blocks of a page run in order in one folder; what they start lives until the page's end.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use vantage_obs::config::{Environment, Secret, StoreKind};
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, ExpositionFormat, Role, Telemetry};

use super::pages;
use crate::fleet::serve;
use crate::otlp::receiver::{Behaviour, Receiver};
use crate::processes::child::eventually;
use crate::support::{OBJECTIVES, named};

/// The maximum of marked blocks: containers, and the command that runs this test.
const MAX_MARKED: usize = 5;
/// The longest that a block may take, in seconds.
const BLOCK_TIMEOUT: &str = "60";
const TOKEN: &str = "t0ken";
const MARK: &str = "<!-- not executed: ";
/// Makes the process of [`curl`] a client.
const CLIENT: &str = "VANTAGE_TEST_CURL";

/// A block of a page.
#[derive(Debug, PartialEq)]
struct Block {
    language: String,
    /// The line of its fence, from 1.
    line: usize,
    text: String,
    /// The reason why it is not executed.
    marked: Option<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut before) = (Vec::new(), "");
    let mut lines = page.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let reason = before.strip_prefix(MARK);
            let reason = reason.and_then(|reason| reason.strip_suffix(" -->"));
            let text = lines.by_ref().map(|(line, _)| line);
            let text = text.take_while(|line| line.trim_start() != "```");
            blocks.push(Block {
                language: language.to_owned(),
                line: number,
                text: text.map(|line| format!("{line}\n")).collect(),
                marked: reason.map(str::to_owned),
            });
        }
        before = line;
    }
    blocks
}

/// The servers and the folder of commands that all pages share.
struct Stage {
    telemetry: Telemetry,
    api: String,
    prometheus: String,
    receiver: Receiver,
    commands: TempDir,
}

impl Stage {
    fn new() -> Self {
        let mut config = Config::new("vantage-api", Role::Api).role(Role::Web);
        config.heartbeat.token = Some(Secret::new(TOKEN));
        config.status.token = Some(Secret::new(TOKEN));
        let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
        let api = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
        let prometheus = serve(|path, _| {
            let result = match path {
                path if path.contains("query_range") || path.contains("ALERTS%7B") => {
                    r#""resultType":"matrix","result":[]"#
                }
                // That alerts were recorded at all.
                path if path.contains("count_over_time") => {
                    r#""resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]"#
                }
                _ => r#""resultType":"vector","result":[]"#,
            };
            let answer = format!(r#"{{"status":"success","data":{{{result}}}}}"#);
            (200, answer)
        });
        Self {
            telemetry,
            api: api.to_string(),
            prometheus: prometheus.to_string(),
            receiver: Receiver::start(Behaviour::Accept),
            commands: commands(),
        }
    }

    /// Registers the worker that the pages forget, and waits until the service is ready.
    fn prepare(&self) {
        let beat = r#"{"boot_id":"01890a5d-ac96-774b-bcce-b302099a8057","sequence":1}"#;
        let request = Request {
            method: Method::POST,
            url: format!("http://{}/api/v1/workers/pod-7f9c/heartbeat", self.api),
            headers: vec![
                ("authorization".into(), format!("Bearer {TOKEN}")),
                ("content-type".into(), "application/json".into()),
            ],
            body: beat.into(),
        };
        request.send().unwrap();
        let ready = format!("http://{}/api/v1/health/ready", self.api);
        eventually("the service is ready", || {
            Request::get(&ready).send().is_ok()
        });
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.telemetry.shutdown_blocking();
    }
}

/// A request that `curl` is asked for.
#[derive(Debug, PartialEq)]
struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn get(url: &str) -> Self {
        Self {
            method: Method::GET,
            url: url.to_owned(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Reads those of curl's options that the pages use.
    fn parse(arguments: &[&str]) -> Result<Self, String> {
        let (mut request, mut method) = (Self::get(""), None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} lacks its value"));
            match *argument {
                "-X" => method = Some(value()?.parse().map_err(|_| "no method")?),
                "-H" => {
                    let header = value()?.split_once(": ").ok_or("no header")?;
                    let header = (header.0.to_owned(), header.1.to_owned());
                    request.headers.push(header);
                }
                "-d" => {
                    request.method = Method::POST;
                    request.body = (*value()?).to_owned();
                }
                url if url.starts_with("http://") && request.url.is_empty() => {
                    request.url = url.to_owned();
                }
                other => return Err(format!("{other:?} is not known here")),
            }
        }
        request.method = method.unwrap_or(request.method);
        Ok(request)
    }

    /// Returns the body of a success; the error has that of any other answer.
    fn send(&self) -> Result<String, String> {
        let client = reqwest::Client::builder().no_proxy().build();
        let mut request = client
            .map_err(|error| error.to_string())?
            .request(self.method.clone(), &self.url)
            .body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let answer = runtime.block_on(async {
            let response = request.send().await?;
            Ok((response.status(), response.text().await?))
        });
        let (status, body) = answer.map_err(|error: reqwest::Error| format!("{error:?}"))?;
        match status.is_success() {
            true => Ok(body),
            false => Err(format!("{self:?}: {status}: {body}")),
        }
    }
}

/// In a child, the command `curl` of the blocks, with its arguments from a file; nothing in a test.
#[test]
fn curl() {
    if std::env::var_os(CLIENT).is_none() {
        return;
    }
    let arguments = fs::read_to_string("curl-arguments").unwrap();
    let arguments: Vec<_> = arguments.split_terminator('\0').collect();
    let body = Request::parse(&arguments).unwrap().send().unwrap();
    // The id of an incident stands in the next command.
    if let Ok(Value::Object(answer)) = serde_json::from_str(&body)
        && let Some(id) = answer.get("id").and_then(Value::as_str)
    {
        fs::write("last-id", id).unwrap();
    }
    fs::write("curl-answer", body).unwrap();
}

/// The example that `cargo test` has built beside this test.
fn examples() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_vantage-obs"));
    built.parent().unwrap().join("examples")
}

/// Returns a folder with the commands that the pages name.
fn commands() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, script: &str| {
        let script = script
            .replace("@COMMAND@", env!("CARGO_BIN_EXE_vantage-obs"))
            .replace("@EXAMPLES@", examples().to_str().unwrap())
            .replace("@TEST@", std::env::current_exe().unwrap().to_str().unwrap())
            .replace("@CLIENT@", CLIENT);
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write(
        "curl",
        "printf '%s\\0' \"$@\" > curl-arguments\n\
         rm -f curl-answer\n\
         @CLIENT@=yes '@TEST@' --exact documentation::console::curl --nocapture > curl-log 2>&1 \
         || { cat curl-log >&2; exit 22; }\n\
         cat curl-answer\n",
    );
    // What serves until it is stopped goes to the background, once it answers.
    let until_it_serves = "> \"$name.log\" 2>&1 &\n\
         echo $! >> pids\n\
         until @ADDRESS@ && curl \"http://$address/@PATH@\" > /dev/null 2>&1; do\n\
             kill -0 $! || { cat \"$name.log\" >&2; exit 1; }\n\
         done\n";
    let serving = |address, path| {
        until_it_serves
            .replace("@ADDRESS@", address)
            .replace("@PATH@", path)
    };
    let live = serving("address=$1", "api/v1/health/live");
    write(
        "cargo",
        // A service of the reader's is the worker.
        &format!(
            "case \"$*\" in\n\
             'run --all-features --bin vantage-obs -- '*) shift 5; exec '@COMMAND@' \"$@\" ;;\n\
             'run --example platform -- '*) shift 4; exec '@EXAMPLES@/platform' --listen 127.0.0.1:0 \"$@\" ;;\n\
             'run --example '*' -- '*) name=$3; shift 4 ;;\n\
             run) name=worker_service; set -- \"$VANTAGE_OBS_LISTEN\" ;;\n\
             *) echo \"cargo $* is not known here\" >&2; exit 1 ;;\n\
             esac\n\
             '@EXAMPLES@'/\"$name\" \"$@\" {live}"
        ),
    );
    let page = serving(
        "address=$(sed -n 's#^http://##p' dev.log) && [ \"$address\" ]",
        "",
    );
    write(
        "vantage-obs",
        &format!(
            "name=$1\n\
             [ \"$name\" = dev ] || exec '@COMMAND@' \"$@\"\n\
             '@COMMAND@' \"$@\" --listen 127.0.0.1:0 {page}"
        ),
    );
    folder
}

/// The folder of a page's blocks, with the files that the page names, and the addresses of its own services.
struct Folder {
    folder: TempDir,
    api: String,
    worker: String,
}

impl Folder {
    fn new(page: &[Block], stage: &Stage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let names = |word: &str| page.iter().any(|block| block.text.contains(word));
        // `init` writes them itself.
        if !names("vantage-obs init ") {
            fs::create_dir(path.join("slo")).unwrap();
            for (name, text) in OBJECTIVES {
                fs::write(path.join("slo").join(name), text).unwrap();
            }
        }
        let config = format!(
            r#"{{"service":{{"name":"vantage-api","roles":["api"]}},
                "slo":{{"prometheus":{{"url":"http://{}"}}}}}}"#,
            stage.prometheus
        );
        fs::write(path.join("obs.json"), config).unwrap();
        let figures = r#"{"shop.orders": {"kind": "counter", "panel": true}}"#;
        fs::write(path.join("figures.json"), figures).unwrap();
        fs::create_dir(path.join("docs")).unwrap();
        if names("obs.redb") {
            write_store(&path.join("obs.redb"));
        }
        let api = match names("--example api_service") {
            true => free_address(),
            false => stage.api.clone(),
        };
        let worker = free_address();
        Self {
            folder,
            api,
            worker,
        }
    }

    /// Returns a block with the servers of this test in place of the hosts that it names.
    fn staged(&self, block: &str, stage: &Stage) -> String {
        block
            .replace("api:8080", &stage.api)
            .replace("127.0.0.1:8080", &self.api)
            .replace("127.0.0.1:9464", &self.worker)
            .replace("prometheus:9090", &stage.prometheus)
            .replace("http://127.0.0.1:4317", &stage.receiver.endpoint())
            // The platform's run, which is longer in the pages, or without an end.
            .replace("--duration 30s ", "")
            .replace(
                "--example platform -- ",
                "--example platform -- --duration 1s ",
            )
            .replace("/incidents/ID/", "/incidents/$(cat last-id)/")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let pids = fs::read_to_string(self.folder.path().join("pids")).unwrap_or_default();
        if !pids.is_empty() {
            let kill = format!("kill {}", pids.replace('\n', " "));
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
    }
}

/// Writes the store of a service that has ended.
fn write_store(path: &Path) {
    let mut config = Config::new("vantage-api", Role::Api).role(Role::Worker);
    config.service.instance_id = Some("api-1".into());
    config.store.kind = StoreKind::File;
    config.store.path = Some(path.into());
    config.slo.sample_interval = Duration::from_secs(1);
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let worker = telemetry.worker("publisher-1");
    let job = worker.start("publish", SystemTime::now(), &Carrier::EMPTY);
    job.succeed();
    // A sample is kept once what an earlier process may have left is read.
    eventually("a sample is kept", || {
        let scrape = telemetry.scrape(ExpositionFormat::Text).unwrap();
        named(&scrape, "vantage_store_commits_total")
            .iter()
            .any(|sample| sample.value > 0.0)
    });
    telemetry.shutdown_blocking().unwrap();
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Runs a script; the error has what it printed.
fn run(script: &str, folder: &Path, commands: &Path) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap();
    // Each command counts, not the last one alone.
    let output = Command::new("timeout")
        .args([BLOCK_TIMEOUT, "sh", "-euc", script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", commands.display()))
        .envs([("TOKEN", TOKEN), ("HEARTBEAT_TOKEN", TOKEN)])
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{}\n{script}\n{}",
            output.status,
            String::from_utf8_lossy(&printed)
        )),
    }
}

#[test]
fn every_console_block_runs_or_says_why_not() {
    for name in ["platform", "api_service", "worker_service"] {
        let example = examples().join(name);
        assert!(
            example.exists(),
            "{} is missing: `cargo build --all-features --examples` makes it where `cargo test` is not to",
            example.display()
        );
    }
    let stage = Stage::new();
    let (mut executed, mut marked, mut failed) = (0, 0, Vec::new());
    for (page, text) in pages() {
        let mut blocks = blocks(&text);
        blocks.retain(|block| block.language == "console");
        let folder = Folder::new(&blocks, &stage);
        for block in &blocks {
            let place = format!("{}:{}", page.display(), block.line);
            if let Some(reason) = &block.marked {
                assert!(reason.len() > 10, "{place}: {reason}");
                marked += 1;
                continue;
            }
            stage.prepare();
            let script = folder.staged(&block.text, &stage);
            let (folder, commands) = (folder.folder.path(), stage.commands.path());
            if let Err(error) = run(&script, folder, commands) {
                failed.push(format!("{place}: {error}"));
            }
            executed += 1;
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(executed >= 20, "{executed} blocks");
    assert!(marked <= MAX_MARKED, "{marked} blocks are not executed");
    let spans = stage.receiver.spans();
    assert!(!spans.is_empty(), "the platform's spans have not arrived");
}

#[test]
fn commands_stand_in_console_blocks_alone() {
    let programs = ["cargo ", "curl ", "docker ", "kubectl ", "vantage-obs "];
    for (page, text) in pages() {
        for block in blocks(&text) {
            let place = format!("{}:{}", page.display(), block.line);
            let language = block.language.as_str();
            assert!(!["", "bash", "sh", "shell"].contains(&language), "{place}");
            if language == "text" {
                let mut lines = block.text.lines();
                let command = lines.find(|line| programs.iter().any(|name| line.starts_with(name)));
                assert_eq!(command, None, "{place}");
            }
        }
    }
}

#[test]
fn a_block_is_marked_on_the_line_before_it() {
    let page =
        "text\n```console\na b\nc\n```\n<!-- not executed: a container -->\n```console\nd\n```\n";
    let found = blocks(page);
    assert_eq!((found[0].line, found[0].text.as_str()), (2, "a b\nc\n"));
    assert_eq!(found[0].marked, None);
    assert_eq!(found[1].marked.as_deref(), Some("a container"));
    assert_eq!(found.len(), 2);
}

#[test]
fn a_broken_block_fails() {
    let (folder, commands) = (tempfile::tempdir().unwrap(), commands());
    let address = serve(|path, _| (if path == "/" { 200 } else { 404 }, "{}".into()));
    let run = |script: &str| run(script, folder.path(), commands.path());
    assert_eq!(run("vantage-obs catalog\n"), Ok(()));
    assert_eq!(run(&format!("curl http://{address}/\n")), Ok(()));
    for broken in [
        "vantage-obs catalogue\n",
        "vantage-obs catalog --format yaml\n",
        "vantage-obs slo validate missing\nvantage-obs catalog\n",
        "no-such-command\n",
        "cargo run --example none -- 127.0.0.1:1\n",
        "cargo build\n",
        "curl http://127.0.0.1:1/metrics\n",
        "curl --compressed http://127.0.0.1:1/metrics\n",
        &format!("curl http://{address}/missing\nvantage-obs catalog\n"),
    ] {
        let error = run(broken).unwrap_err();
        assert!(error.contains(broken), "{error}");
    }
}
