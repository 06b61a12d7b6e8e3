//! Times, memory and how they are printed.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::memory::{Heap, counted};

/// Something to measure. The number returned only keeps the work from being optimised away.
pub(crate) struct Case<'a> {
    /// Its name, which the arguments select by prefix.
    pub(crate) name: &'static str,
    /// Bytes that its speed and memory are counted in; 0 where only time says something.
    pub(crate) bytes: usize,
    /// The case that its time is compared with.
    pub(crate) reference: Option<&'static str>,
    /// How many equal pieces the work has: percentiles are those of the whole divided by it.
    pub(crate) pieces: usize,
    /// The work.
    pub(crate) work: Box<dyn Fn() -> usize + 'a>,
}

impl<'a> Case<'a> {
    /// A case of one piece, whose speed is counted in `bytes`.
    pub(crate) fn new(
        name: &'static str,
        bytes: usize,
        reference: Option<&'static str>,
        work: impl Fn() -> usize + 'a,
    ) -> Self {
        Self {
            name,
            bytes,
            reference,
            pieces: 1,
            work: Box::new(work),
        }
    }
}

/// What was measured of one case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Shortest, middle, 99th percentile and longest time of one piece in microseconds.
    pub(crate) min_us: f64,
    pub(crate) median_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    pub(crate) rounds: usize,
    /// Speed of the middle round in megabytes (a million bytes) of the document each second.
    pub(crate) mb_per_s: Option<f64>,
    /// Time divided by that of the reference, both the middle ones.
    pub(crate) reference: Option<String>,
    pub(crate) times_reference: Option<f64>,
    /// Most heap in use, in bytes and in documents, input and output counted as far as the work
    /// makes them.
    pub(crate) peak_bytes: usize,
    pub(crate) peak_documents: Option<f64>,
    pub(crate) allocations: usize,
}

impl Row {
    /// What a peer said about itself: times of the whole in microseconds, without memory.
    pub(crate) fn of_peer(
        name: String,
        [min_us, median_us, max_us]: [f64; 3],
        rounds: usize,
        bytes: usize,
        reference: &str,
    ) -> Self {
        Self {
            name,
            min_us,
            median_us,
            p99_us: max_us,
            max_us,
            rounds,
            mb_per_s: Some(bytes as f64 / median_us),
            reference: Some(reference.to_owned()),
            times_reference: None,
            peak_bytes: 0,
            peak_documents: None,
            allocations: 0,
        }
    }
}

/// Rounds and time that one case gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
}

/// Measures cases in turn, round by round, so that a slow moment of the machine hits all of them.
pub(crate) fn run(cases: &[Case<'_>], effort: Effort) -> Vec<Row> {
    let mut keep = 0_usize;
    let heaps: Vec<Heap> = cases
        .iter()
        .map(|case| {
            let (out, heap) = counted(|| (case.work)());
            keep = keep.wrapping_add(out);
            heap
        })
        .collect();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); cases.len()];
    let start = Instant::now();
    for round in 0..effort.rounds {
        if round >= 5 && start.elapsed() > effort.time * u32::try_from(cases.len()).unwrap_or(1) {
            break;
        }
        for (case, times) in cases.iter().zip(&mut times) {
            let start = Instant::now();
            keep = keep.wrapping_add((case.work)());
            times.push(start.elapsed());
        }
    }
    std::hint::black_box(keep);
    let mut rows: Vec<Row> = Vec::new();
    for ((case, mut times), heap) in cases.iter().zip(times).zip(heaps) {
        times.sort_unstable();
        let piece = |at: usize| times[at].as_secs_f64() * 1e6 / case.pieces as f64;
        let median = piece(times.len() / 2);
        let documents = |bytes: usize| (case.bytes > 0).then(|| bytes as f64 / case.bytes as f64);
        rows.push(Row {
            name: case.name.to_owned(),
            min_us: piece(0),
            median_us: median,
            p99_us: piece((times.len() * 99 / 100).min(times.len() - 1)),
            max_us: piece(times.len() - 1),
            rounds: times.len(),
            mb_per_s: (case.bytes > 0).then(|| case.bytes as f64 / median),
            reference: case.reference.map(str::to_owned),
            times_reference: None,
            peak_bytes: heap.peak,
            peak_documents: documents(heap.peak),
            allocations: heap.calls,
        });
    }
    compare(&mut rows);
    rows
}

/// Fills in the ratios.
pub(crate) fn compare(rows: &mut [Row]) {
    let medians: Vec<(String, f64)> = rows
        .iter()
        .map(|row| (row.name.clone(), row.median_us))
        .collect();
    for row in rows {
        row.times_reference = row.reference.as_ref().and_then(|reference| {
            let (_, median) = medians.iter().find(|(name, _)| name == reference)?;
            Some(row.median_us / median)
        });
    }
}

/// The rows as a table for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<36} {:>10} {:>10} {:>10} {:>8} {:>8} {:>7} {:>9}  {}\n",
        "case",
        "min ms",
        "median ms",
        "max ms",
        "MB/s",
        "peak MB",
        "x doc",
        "allocs",
        "x reference"
    );
    for row in rows {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let reference = match (&row.reference, row.times_reference) {
            (Some(name), Some(times)) => format!("{times:.2} x {name}"),
            _ => String::new(),
        };
        out.push_str(&format!(
            "{:<36} {:>10.3} {:>10.3} {:>10.3} {:>8} {:>8.2} {:>7} {:>9}  {}\n",
            row.name,
            row.min_us / 1e3,
            row.median_us / 1e3,
            row.max_us / 1e3,
            number(row.mb_per_s, 1),
            row.peak_bytes as f64 / 1e6,
            number(row.peak_documents, 1),
            row.allocations,
            reference
        ));
    }
    out
}
