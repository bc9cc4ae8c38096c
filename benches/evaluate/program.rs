//! The program as it is run, and what it uses up.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// What a process used up, where the system tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Seconds of all cores.
    pub processor: f64,
    /// The most memory that it held, in KiB.
    pub memory: u64,
}

/// Runs `duban evaluate` over a folder to its end, with its answer in `answer.csv` there.
pub fn evaluate(folder: &Path, at: &str) -> Used {
    let answer = File::create(folder.join("answer.csv")).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_duban"))
        .args(["evaluate", "--at", at, "--format", "csv", "--config"])
        .arg(folder.join("duban.toml"))
        .stdout(answer)
        .spawn()
        .expect("the program runs");
    let mut used = Used::default();
    loop {
        used.memory = used.memory.max(memory(&child));
        used.processor = used.processor.max(processor(&child));
        match child.try_wait().expect("a child") {
            None => std::thread::sleep(Duration::from_millis(5)),
            Some(status) => {
                assert!(status.success(), "{status}");
                return used;
            }
        }
    }
}

/// The most memory that a process has held so far, in KiB.
fn memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0)
}

/// The seconds that a process has run so far, in user space and in the kernel.
fn processor(child: &Child) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
    ticks.map(f64::from).sum::<f64>() / TICKS_PER_SECOND
}

/// How many lines an answer has.
pub fn lines_of(path: &Path) -> u64 {
    let mut reader = csv::Reader::from_path(path).expect("an answer");
    let mut record = csv::ByteRecord::new();
    let mut lines = 0;
    while reader.read_byte_record(&mut record).expect("a line") {
        lines += 1;
    }
    lines
}
