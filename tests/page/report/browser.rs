//! A real browser, Debian's Chromium without a window, that shows a page and is asked what it shows.

mod protocol;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::protocol::Browser;

/// A test writes this to the console: when it arrives, everything before it has arrived.
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
    browser: RefCell<Browser>,
    /// What the protocol calls the page.
    session: String,
    address: String,
}

/// What happened while the page was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The addresses that were asked for.
    pub(crate) requests: Vec<String>,
    /// What was written into the console, by whomever.
    pub(crate) console: Vec<String>,
}

/// Shows a page and hands it to a test.
pub(crate) fn show<T>(html: &str, test: impl FnOnce(&Shown) -> Result<T>) -> Result<T> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("report.html");
    std::fs::write(&file, html)?;
    test(&Shown::open(Browser::start()?, &file)?)
}

impl Shown {
    fn open(mut browser: Browser, file: &Path) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("not a text");
        let page = browser.call(None, "Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": text(&page["targetId"])?, "flatten": true});
        let attached = browser.call(None, "Target.attachToTarget", &attach)?;
        let address = format!("file://{}", file.display());
        let shown = Self {
            browser: RefCell::new(browser),
            session: text(&attached["sessionId"])?,
            address,
        };
        for domain in ["Page", "Network", "Runtime", "Log"] {
            shown.call(&format!("{domain}.enable"), &json!({}))?;
        }
        shown.set_width(1280)?;
        shown.call("Page.navigate", &json!({"url": shown.address}))?;
        shown.browser.borrow_mut().event("Page.loadEventFired")?;
        Ok(shown)
    }

    fn call(&self, method: &str, parameters: &Value) -> Result<Value> {
        let mut browser = self.browser.borrow_mut();
        browser.call(Some(&self.session), method, parameters)
    }

    fn evaluate(&self, expression: &str) -> Result<Value> {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self
            .call("Runtime.evaluate", &parameters)
            .with_context(|| format!("cannot evaluate {expression}"))?;
        let exception = &answer["exceptionDetails"];
        ensure!(exception.is_null(), "cannot evaluate {expression}: {exception}");
        Ok(answer["result"]["value"].take())
    }

    /// What an expression of JavaScript comes to.
    pub(crate) fn ask<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        Ok(serde_json::from_value(self.evaluate(expression)?)?)
    }

    /// The cells of each row that a selector finds, with a bar between them.
    pub(crate) fn rows(&self, selector: &str) -> Result<Vec<String>> {
        let selector = serde_json::to_string(selector)?;
        self.ask(&format!(
            "[...document.querySelectorAll({selector})].map(row => [...row.cells].map(cell => cell.textContent.trim()).join('|'))"
        ))
    }

    /// Evaluates an expression of JavaScript.
    pub(crate) fn run(&self, expression: &str) -> Result<()> {
        self.evaluate(expression).map(drop)
    }

    /// The text of each element that a selector finds, with single spaces.
    pub(crate) fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let selector = serde_json::to_string(selector)?;
        self.ask(&format!(
            "[...document.querySelectorAll({selector})].map(found => found.textContent.replace(/\\s+/g, ' ').trim())"
        ))
    }

    pub(crate) fn set_scheme(&self, scheme: Scheme) -> Result<()> {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme.name()});
        self.call("Emulation.setEmulatedMedia", &json!({"features": [feature]}))
            .map(drop)
    }

    /// Sets the width in pixels, as of a window or a phone.
    pub(crate) fn set_width(&self, width: u32) -> Result<()> {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", &metrics)
            .map(drop)
    }

    /// The roles and names that a screen reader gets, in their order.
    pub(crate) fn accessible_nodes(&self) -> Result<Vec<(String, String)>> {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}))?;
        let nodes = tree["nodes"].as_array().context("no accessibility tree")?;
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let heard = nodes.iter().filter(|node| node["ignored"] != true);
        Ok(heard
            .map(|node| (text(&node["role"]), text(&node["name"])))
            .collect())
    }

    /// Keeps a picture of the whole page for people to look at.
    pub(crate) fn keep_picture(&self, name: &str) -> Result<()> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("report-screenshots");
        std::fs::create_dir_all(&directory)?;
        let picture: PathBuf = directory.join(format!("{name}.png"));
        let size = &self.call("Page.getLayoutMetrics", &json!({}))?["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let whole = json!({"captureBeyondViewport": true, "clip": clip});
        let taken = self.call("Page.captureScreenshot", &whole)?;
        let bytes = BASE64_STANDARD.decode(taken["data"].as_str().context("no picture")?)?;
        Ok(std::fs::write(picture, bytes)?)
    }

    /// What happened so far. The last of it is a word in the console: all that happened before it has arrived with it.
    pub(crate) fn seen(&self) -> Result<Seen> {
        self.run(&format!("console.log('{LAST_WORD}')"))?;
        let mut browser = self.browser.borrow_mut();
        let mut seen = Seen::default();
        loop {
            let words = browser.event("Runtime.consoleAPICalled")?["args"].to_string();
            if words.contains(LAST_WORD) {
                break;
            }
            seen.console.push(words);
        }
        for exception in browser.events("Runtime.exceptionThrown") {
            seen.console.push(exception["exceptionDetails"].to_string());
        }
        for logged in browser.events("Log.entryAdded") {
            seen.console.push(logged["entry"]["text"].to_string());
        }
        for request in browser.events("Network.requestWillBeSent") {
            let address = request["request"]["url"].as_str();
            seen.requests
                .push(address.context("a request without an address")?.to_owned());
        }
        Ok(seen)
    }

    /// The page's own address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
