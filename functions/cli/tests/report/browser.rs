//! A headless Chromium that looks at a page: what it complains of, what it loads, how wide it is, and what is drawn where.
//!
//! The page is put into a frame of the width that is asked for, because a window cannot be as narrow as a phone. The frame is the test's;
//! what stands in it is the page as it was written, with its own content security policy.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How long the browser may take.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Browser {
    program: PathBuf,
}

/// What was seen of a page.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) scroll_width: u32,
    /// Elements that stand out of the page, and do not scroll by themselves.
    pub(crate) too_wide: Vec<String>,
    /// Fetches of anything, whether or not they succeeded.
    pub(crate) requests: u32,
    /// Dialogues that were opened.
    pub(crate) alerts: u32,
    /// Errors and violations of the policy, by the console.
    pub(crate) complaints: Vec<String>,
    pub(crate) charts: Vec<DrawnChart>,
    /// How light the page's corner is, from 0 to 255.
    pub(crate) paper: u8,
}

#[derive(Debug)]
pub(crate) struct DrawnChart {
    pub(crate) title: String,
    /// How many different colours are seen in it.
    pub(crate) colours: usize,
}

#[derive(Debug, Deserialize)]
struct Measured {
    width: u32,
    scroll_width: u32,
    height: u32,
    too_wide: Vec<String>,
    requests: u32,
    alerts: u32,
    charts: Vec<Measure>,
}

#[derive(Debug, Deserialize)]
struct Measure {
    title: String,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Runs in the frame's parent, once the page is there.
const MEASURE: &str = r#"
window.alerts = 0;
window.alert = function () { window.alerts += 1; };
window.addEventListener("load", function () {
  var frame = document.getElementById("page"), page = frame.contentDocument, root = page.documentElement;
  frame.style.height = root.scrollHeight + "px";
  var width = root.clientWidth, tooWide = [], charts = [];
  page.querySelectorAll("body *").forEach(function (element) {
    var box = element.getBoundingClientRect();
    if (box.width === 0 || box.right <= width + 1 || element.closest("thead")) { return; }
    for (var up = element.parentElement; up; up = up.parentElement) {
      if (up !== page.body && frame.contentWindow.getComputedStyle(up).overflowX === "auto") { return; }
    }
    tooWide.push(element.tagName + ": " + element.textContent.trim().slice(0, 60));
  });
  page.querySelectorAll("svg").forEach(function (svg) {
    var box = svg.getBoundingClientRect();
    if (box.width > 0) {
      charts.push({ title: svg.querySelector("title").textContent, x: box.x, y: box.y, width: box.width, height: box.height });
    }
  });
  var seen = { width: width, scroll_width: root.scrollWidth, height: Math.ceil(root.scrollHeight), too_wide: tooWide,
    requests: frame.contentWindow.performance.getEntriesByType("resource").length, alerts: window.alerts, charts: charts };
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
"#;

impl Browser {
    /// Finds a browser, or says that the test is skipped.
    pub(crate) fn find() -> Option<Self> {
        let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
        let usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
        let found = named.into_iter().chain(usual).find(|program| program.is_file());
        if found.is_none() {
            // Not captured, as `eprintln` would be.
            let mut err = std::io::stderr();
            let _written = std::io::Write::write_all(&mut err, b"skipped: no Chromium is installed, nor named by CHROMIUM\n");
        }
        Some(Self { program: found? })
    }

    /// Looks at a page in a frame of this width.
    pub(crate) fn look(&self, page: &str, width: u32, is_dark: bool, folder: &Path) -> Look {
        let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
        let frame = format!(
            "<!doctype html><meta charset=utf-8><meta name=color-scheme content=\"light dark\"><style>body{{margin:0}}iframe{{border:0;width:{width}px;height:800px;display:block}}pre{{display:none}}</style>\
             <script>{MEASURE}</script><iframe id=page srcdoc=\"{escaped}\"></iframe><pre id=seen></pre>"
        );
        let file = folder.join(format!("frame-{width}-{is_dark}.html"));
        std::fs::write(&file, frame).unwrap();
        let window = width.max(600);
        let dumped = self.run(&file, is_dark, folder, &["--dump-dom", &format!("--window-size={window},900")]);
        let dom = String::from_utf8_lossy(&dumped.stdout).into_owned();
        let seen = dom.rsplit_once("<pre id=\"seen\">").and_then(|(_, rest)| rest.split_once("</pre>")).map(|(seen, _)| unescaped(seen));
        let measured: Measured = serde_json::from_str(&seen.unwrap_or_default()).unwrap();
        let picture = folder.join(format!("picture-{width}-{is_dark}.png"));
        let size = format!("--window-size={window},{}", measured.height + 10);
        let shot = self.run(&file, is_dark, folder, &[&format!("--screenshot={}", picture.display()), &size]);
        let picture = Picture::open(&picture);
        let complaints = [&dumped, &shot].into_iter().flat_map(complaints).collect();
        Look {
            width: measured.width,
            scroll_width: measured.scroll_width,
            too_wide: measured.too_wide,
            requests: measured.requests,
            alerts: measured.alerts,
            complaints,
            charts: measured
                .charts
                .iter()
                .map(|chart| DrawnChart { title: chart.title.clone(), colours: picture.colours(chart) })
                .collect(),
            paper: picture.lightness(2, 2),
        }
    }

    fn run(&self, file: &Path, is_dark: bool, folder: &Path, arguments: &[&str]) -> Output {
        let profile = tempfile::tempdir_in(folder).unwrap();
        let scheme = u8::from(!is_dark);
        let child = Command::new(&self.program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .args(arguments)
            .arg(format!("file://{}", file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        finish(child)
    }
}

/// Waits for the browser, and ends it where it takes too long.
fn finish(mut child: std::process::Child) -> Output {
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |mut pipe: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        })
    };
    let (out, err) = (read(Box::new(out)), read(Box::new(err)));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let output = Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() };
    assert!(output.status.success(), "the browser failed: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What the page's console said. The browser's own log has other tags.
fn complaints(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains(":CONSOLE")).map(ToOwned::to_owned).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// A screenshot.
struct Picture {
    width: usize,
    height: usize,
    bytes_of_pixel: usize,
    bytes: Vec<u8>,
}

impl Picture {
    fn open(file: &Path) -> Self {
        let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(file).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let (width, height) = (info.width as usize, info.height as usize);
        Self { width, height, bytes_of_pixel: info.line_size / width, bytes }
    }

    fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * self.bytes_of_pixel;
        [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2]]
    }

    fn lightness(&self, x: usize, y: usize) -> u8 {
        let sum: u16 = self.pixel(x, y).into_iter().map(u16::from).sum();
        u8::try_from(sum / 3).unwrap()
    }

    /// Counts colours that many pixels of a chart have: letters' soft edges are none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a picture")]
    fn colours(&self, chart: &Measure) -> usize {
        let mut counts = std::collections::BTreeMap::<[u8; 3], usize>::new();
        let (left, top) = (chart.x.max(0.0) as usize, chart.y.max(0.0) as usize);
        for y in top..(top + chart.height as usize).min(self.height) {
            for x in left..(left + chart.width as usize).min(self.width) {
                *counts.entry(self.pixel(x, y)).or_default() += 1;
            }
        }
        counts.values().filter(|count| **count >= 40).count()
    }
}

/// Looks at a page on a wide screen, in the dark and on a phone: it fits, all of its charts are drawn, nothing is fetched, no script of
/// what it shows runs, and the console has nothing to say.
pub(crate) fn assert_drawn_everywhere(page: &str, folder: &Path, charts: usize) {
    let Some(browser) = Browser::find() else { return };
    let seen = |width: u32, is_dark: bool| browser.look(page, width, is_dark, folder);
    let (wide, dark, narrow) = (seen(1_280, false), seen(1_280, true), seen(390, false));
    for (name, look) in [("wide", &wide), ("dark", &dark), ("narrow", &narrow)] {
        assert_eq!(look.complaints, Vec::<String>::new(), "{name}");
        assert_eq!(look.requests, 0, "{name}");
        assert!(look.scroll_width <= look.width, "{name}: it is {} wide, and {} are seen", look.scroll_width, look.width);
        assert_eq!(look.too_wide, Vec::<String>::new(), "{name}");
        assert_eq!(look.charts.len(), charts, "{name}: {:?}", look.charts);
        for chart in &look.charts {
            assert!(chart.colours >= 3, "{name}: the chart `{}` is blank", chart.title);
        }
    }
    assert!(wide.paper > 220 && dark.paper < 60, "the paper is {} in light and {} in dark", wide.paper, dark.paper);
    assert_eq!(wide.alerts, 0, "a script of what the page shows ran");
}
