//! PostgreSQL servers for tests: databases of the one that `.ci/backends` started, or a server of a test's
//! own, which it may stop.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns an environment variable that `.ci/backends` sets about the server that it started.
pub(crate) fn env_setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set, so there is no server to test against: \
             .ci/backends run cargo test --all-features --lib --test it backends -- --ignored"
        )
    })
}

/// Creates an empty database and returns its URL on the shared server.
pub(crate) async fn create_database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let base = env_setting("VANTAGE_TEST_POSTGRES");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let name = format!("test_{}_{number}_{nanos}", std::process::id());
    run_script(&base, &format!("CREATE DATABASE {name}")).await;
    let (server, _) = base.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Runs a script in a session of its own.
pub(crate) async fn run_script(url: &str, script: &str) {
    open_session(url).await.batch_execute(script).await.unwrap();
}

/// Opens a plain session, apart from everything that is tested.
pub(crate) async fn open_session(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("the server takes connections");
    tokio::spawn(connection);
    client
}

/// A PostgreSQL server of one test.
#[derive(Debug)]
pub(crate) struct TestPostgres {
    folder: PathBuf,
    port: u16,
}

impl TestPostgres {
    /// Starts an empty one on a free port of the loopback.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        chown_to_owner(&folder);
        let server = Self {
            folder,
            port: free_port(),
        };
        let data = server.data();
        let options = ["-U", "vantage", "-A", "trust", "--no-sync", "-E", "UTF8"];
        server.tool("initdb", &[&["-D", &data], &options[..]].concat());
        server.up();
        server
    }

    /// Starts it again after [`down`](Self::down).
    pub(crate) fn up(&self) {
        let (port, folder) = (self.port, self.folder.display());
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        );
        let log = format!("{folder}/log");
        self.tool(
            "pg_ctl",
            &[
                "-D",
                &self.data(),
                "-w",
                "-l",
                &log,
                "-o",
                &options,
                "start",
            ],
        );
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn down(&self) {
        assert!(self.stop().success());
    }

    fn stop(&self) -> ExitStatus {
        let stop = ["-D", &self.data(), "-w", "-m", "immediate", "stop"];
        self.run("pg_ctl", &stop)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://vantage@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn tool(&self, name: &str, arguments: &[&str]) {
        let done = self.run(name, arguments);
        let log = || std::fs::read_to_string(self.folder.join("log"));
        assert!(done.success(), "{name} {arguments:?}: {done}: {:?}", log());
    }

    fn run(&self, name: &str, arguments: &[&str]) -> ExitStatus {
        let tool = Path::new(&env_setting("VANTAGE_TEST_POSTGRES_BIN")).join(name);
        command_as_owner(&tool)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        // It may be down already.
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// PostgreSQL refuses to run as root; then it is run as this user.
fn owner() -> String {
    env_setting("VANTAGE_TEST_POSTGRES_USER")
}

fn command_as_owner(tool: &Path) -> Command {
    let owner = owner();
    if owner.is_empty() {
        return Command::new(tool);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &owner, "--regid", &owner, "--clear-groups"]);
    command.arg(tool);
    command
}

fn chown_to_owner(folder: &Path) {
    let owner = owner();
    if !owner.is_empty() {
        let done = Command::new("chown").arg(owner).arg(folder).status();
        assert!(done.unwrap().success());
    }
}
