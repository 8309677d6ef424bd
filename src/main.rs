//! Reads the configuration, starts the server, waits for the end, drains.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

use plenum::access::TokenError;
use plenum::config::{self, Action, Config, ConfigError, TokenFlags};
use plenum::controls::Controls;
use plenum::http::{self, StartError};
use plenum::load;
use plenum::server::Running;
use tokio::signal as os_signal;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let invocation = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(invocation) => invocation,
        // --help and --version, which end with code 0.
        Err(ConfigError::Usage(told)) if !told.use_stderr() => told.exit(),
        Err(error) => return fail(&error),
    };
    match invocation.action {
        Some(Action::CheckConfig) => {
            println!("The configuration is valid.");
            return ExitCode::SUCCESS;
        }
        Some(Action::Token(flags)) => return mint(flags, &invocation.config),
        Some(Action::Load(options)) => return put_under_load(&options, &invocation.config),
        None => {}
    }
    let controls = match Controls::start(&invocation.config.log) {
        Ok(controls) => controls,
        Err(error) => return fail(&NoSpans(error.to_string())),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let ended = runtime.block_on(run(invocation.config, controls.clone()));
    controls.end();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn mint(flags: TokenFlags, config: &Config) -> ExitCode {
    match config.access.build().mint(&flags.claims()) {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(TokenError::NoSecrets) => fail(&NoSecrets),
        Err(error) => fail(&error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("log.otlp_endpoint: {0}")]
struct NoSpans(String);

#[derive(Debug, thiserror::Error)]
#[error(
    "access.secrets: there is none to sign with; put the output of `openssl rand -hex 32` into PLENUM_ACCESS_SECRETS"
)]
struct NoSecrets;

/// Signalling of all members goes through one thread; media has its own.
fn put_under_load(options: &load::Options, config: &Config) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(load::run(options, &config.access.build())) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("plenum: {error}");
    ExitCode::FAILURE
}

async fn run(config: Config, controls: Arc<Controls>) -> Result<(), StartError> {
    let server = http::Server::bind(config).await?;
    let running = Running::start(&server, controls.clone())?;
    // Before the greeting: whoever reads it may ask for the end at once.
    let mut end = EndRequests::listen();
    println!("{}", server.greeting());
    let shutdown = CancellationToken::new();
    let (readiness, asked, signal) = (server.readiness().clone(), shutdown.clone(), running.signal.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = end.next() => {}
            () = controls.drain_asked() => {}
        }
        readiness.set_draining();
        println!("Stopping. Once more to stop at once.");
        Running::drain(&signal).await;
        asked.cancel();
        end.next().await;
        std::process::exit(1);
    });
    server.readiness().set_ready();
    server.serve(running.signalling, running.programs, shutdown).await;
    Ok(())
}

/// Ctrl-C, and what a service manager sends to end the process. From [`EndRequests::listen`] on, neither ends it by
/// itself.
struct EndRequests {
    #[cfg(unix)]
    signals: Vec<os_signal::unix::Signal>,
}

impl EndRequests {
    fn listen() -> EndRequests {
        #[cfg(unix)]
        {
            use os_signal::unix::{SignalKind, signal};
            // One that cannot be listened for ends the process as it would without us.
            let signals =
                [SignalKind::interrupt(), SignalKind::terminate()].into_iter().filter_map(|kind| signal(kind).ok());
            EndRequests { signals: signals.collect() }
        }
        #[cfg(not(unix))]
        EndRequests {}
    }

    /// Returns when the process is asked to end.
    async fn next(&mut self) {
        #[cfg(unix)]
        std::future::poll_fn(|context| {
            let asked = self.signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if asked { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        // When not even this can be listened for, only the process's end is left.
        #[cfg(not(unix))]
        if os_signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
