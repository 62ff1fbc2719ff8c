//! A real browser, Debian's Chromium without a window, that shows a page and is asked what it shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chromiumoxide::cdp::browser_protocol::accessibility::GetFullAxTreeParams;
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::cdp::browser_protocol::network::EventRequestWillBeSent;
use chromiumoxide::cdp::js_protocol::runtime::{EventConsoleApiCalled, EventExceptionThrown};
use chromiumoxide::listeners::EventStream;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures::{FutureExt, StreamExt};
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a test may take, from the browser's start on; on a slow machine most of it is the start.
const DEADLINE: Duration = Duration::from_secs(45);
/// How long the browser may take to end before it is killed.
const END: Duration = Duration::from_secs(5);
/// What a test says in the console to know that all before it was heard.
const LAST_WORD: &str = "the last word of this test";

/// The schemes that a page is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser that shows a page.
pub(crate) struct Shown {
    page: Page,
    address: String,
    events: Mutex<Events>,
}

/// What the browser tells unasked.
struct Events {
    requests: EventStream<EventRequestWillBeSent>,
    console: EventStream<EventConsoleApiCalled>,
    exceptions: EventStream<EventExceptionThrown>,
    log: EventStream<EventEntryAdded>,
}

/// What happened while the page was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The addresses that were asked for.
    pub(crate) requests: Vec<String>,
    /// What was written into the console, by whomever.
    pub(crate) console: Vec<String>,
}

/// Shows a page and hands it to a test. However that ends, the browser ends, too.
pub(crate) fn show<T>(html: &str, test: impl AsyncFnOnce(&Shown) -> Result<T>) -> Result<T> {
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.html");
    std::fs::write(&file, html)?;
    runtime.block_on(async {
        let (mut browser, mut handler) = Browser::launch(configuration(&folder)?)
            .await
            .context("can't start chromium\n\nhint: `cargo xtask setup` installs it")?;
        let pump = tokio::spawn(async move { while handler.next().await.is_some() {} });
        let tested = timeout(DEADLINE, async {
            let shown = Shown::open(&browser, &file).await?;
            test(&shown).await
        })
        .await;
        let closed = timeout(END, async {
            browser.close().await?;
            browser.wait().await?;
            anyhow::Ok(())
        })
        .await;
        if !matches!(closed, Ok(Ok(()))) {
            browser.kill().await.transpose()?;
        }
        pump.abort();
        tested.map_err(|_| anyhow!("the browser was not done in {DEADLINE:?}"))?
    })
}

fn configuration(folder: &TempDir) -> Result<BrowserConfig> {
    let home = folder.path().join("home");
    std::fs::create_dir(&home)?;
    let configuration = BrowserConfig::builder()
        .chrome_executable("/usr/bin/chromium")
        // The kernel's sandbox for a browser can't be had by root; the page is our own.
        .no_sandbox()
        .new_headless_mode()
        .user_data_dir(home.join("profile"))
        .env("HOME", home.display().to_string())
        .env("XDG_CONFIG_HOME", home.display().to_string())
        .env("XDG_CACHE_HOME", home.display().to_string())
        .arg("disable-dev-shm-usage")
        .arg("disable-gpu")
        .viewport(None)
        .launch_timeout(DEADLINE)
        .request_timeout(DEADLINE)
        .build();
    configuration.map_err(|why| anyhow!(why))
}

impl Shown {
    async fn open(browser: &Browser, file: &Path) -> Result<Self> {
        let page = browser.new_page("about:blank").await?;
        page.enable_log().await?;
        page.enable_runtime().await?;
        let events = Mutex::new(Events {
            requests: page.event_listener().await?,
            console: page.event_listener().await?,
            exceptions: page.event_listener().await?,
            log: page.event_listener().await?,
        });
        let address = format!("file://{}", file.display());
        let shown = Self {
            page,
            address,
            events,
        };
        shown.set_width(1280).await?;
        shown.page.goto(shown.address.as_str()).await?;
        Ok(shown)
    }

    /// What an expression of JavaScript comes to.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        let asked = self.page.evaluate_expression(expression).await;
        let told = asked.with_context(|| format!("can't evaluate {expression}"))?;
        Ok(told.into_value()?)
    }

    /// The cells of each row that a selector finds, with a bar between them.
    pub(crate) async fn rows(&self, selector: &str) -> Result<Vec<String>> {
        let selector = serde_json::to_string(selector)?;
        self.ask(&format!(
            "[...document.querySelectorAll({selector})].map(row => [...row.cells].map(cell => cell.textContent.trim()).join('|'))"
        ))
        .await
    }

    /// Does what an expression of JavaScript says.
    pub(crate) async fn run(&self, expression: &str) -> Result<()> {
        let done = self.page.evaluate_expression(expression).await;
        done.with_context(|| format!("can't evaluate {expression}"))?;
        Ok(())
    }

    /// The text of each element that a selector finds, with single spaces.
    pub(crate) async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let selector = serde_json::to_string(selector)?;
        self.ask(&format!(
            "[...document.querySelectorAll({selector})].map(found => found.textContent.replace(/\\s+/g, ' ').trim())"
        ))
        .await
    }

    pub(crate) async fn set_scheme(&self, scheme: Scheme) -> Result<()> {
        let feature = MediaFeature {
            name: "prefers-color-scheme".to_owned(),
            value: scheme.name().to_owned(),
        };
        self.page.emulate_media_features(vec![feature]).await?;
        Ok(())
    }

    /// As wide as a window, or a phone, of so many pixels.
    pub(crate) async fn set_width(&self, width: i64) -> Result<()> {
        let metrics = SetDeviceMetricsOverrideParams::new(width, 800, 1.0, width < 500);
        self.page.execute(metrics).await?;
        Ok(())
    }

    /// The roles and names that a screen reader is told, in their order.
    pub(crate) async fn told_to_screen_readers(&self) -> Result<Vec<(String, String)>> {
        let tree = self.page.execute(GetFullAxTreeParams::default()).await?;
        let nodes = tree.result.nodes.into_iter().filter(|node| !node.ignored);
        let text = |value: Option<chromiumoxide::cdp::browser_protocol::accessibility::AxValue>| {
            let text = value.and_then(|value| value.value);
            text.and_then(|text| text.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        Ok(nodes.map(|node| (text(node.role), text(node.name))).collect())
    }

    /// Keeps a picture of the whole page for people to look at.
    pub(crate) async fn keep_picture(&self, name: &str) -> Result<()> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("report-screenshots");
        std::fs::create_dir_all(&folder)?;
        let picture: PathBuf = folder.join(format!("{name}.png"));
        let parameters = ScreenshotParams::builder().full_page(true).build();
        self.page.save_screenshot(parameters, &picture).await?;
        Ok(())
    }

    /// What happened so far. The last of it is a word in the console: all that happened before it has arrived with it.
    pub(crate) async fn seen(&self) -> Result<Seen> {
        let mut events = self.events.lock().await;
        self.run(&format!("console.log('{LAST_WORD}')")).await?;
        let mut seen = Seen::default();
        while let Some(event) = events.console.next().await {
            let said = format!("{:?}", event.args);
            if said.contains(LAST_WORD) {
                break;
            }
            seen.console.push(said);
        }
        while let Some(event) = events.exceptions.next().now_or_never().flatten() {
            seen.console.push(event.exception_details.text.clone());
        }
        while let Some(event) = events.log.next().now_or_never().flatten() {
            seen.console.push(event.entry.text.clone());
        }
        while let Some(event) = events.requests.next().now_or_never().flatten() {
            seen.requests.push(event.request.url.clone());
        }
        Ok(seen)
    }

    /// The page's own address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
