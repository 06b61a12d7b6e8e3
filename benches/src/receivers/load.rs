//! A sender that keeps to its schedule.
//!
//! The time of a delivery counts from the moment at which it was to be sent, not from that at which
//! it was: a server that stops for a second is not asked meanwhile, and would otherwise look fast.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Failure;
use super::deliveries::Recorded;

/// Connections that deliveries come over.
const CONNECTIONS: u32 = 64;

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) address: SocketAddr,
    /// Deliveries a second.
    pub(super) rate: u32,
    pub(super) count: u32,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Ids of all deliveries.
    pub(super) ids: Vec<String>,
    /// From when each was due to its answer, shortest first.
    pub(super) times: Vec<Duration>,
    /// How late those were sent whose connection was free, shortest first: the sender's own doing.
    pub(super) late: Vec<Duration>,
    /// Answers by what they say.
    pub(super) answers: BTreeMap<String, usize>,
}

/// The time that `share` thousandths are below, of times in order.
pub(super) fn percentile(times: &[Duration], share: usize) -> Duration {
    let place = (times.len() * share / 1_000).min(times.len().saturating_sub(1));
    times.get(place).copied().unwrap_or_default()
}

impl Load {
    /// Sends everything.
    pub(super) async fn send(self, recorded: &Arc<Recorded>) -> Result<Sent, Failure> {
        let begin = Instant::now() + Duration::from_millis(200);
        let lanes: Vec<_> = (0..CONNECTIONS)
            .map(|first| tokio::spawn(self.lane(Arc::clone(recorded), begin, first)))
            .collect();
        let mut out = Sent::default();
        for lane in lanes {
            let lane = lane.await??;
            out.ids.extend(lane.ids);
            out.times.extend(lane.times);
            out.late.extend(lane.late);
            for (answer, count) in lane.answers {
                *out.answers.entry(answer).or_default() += count;
            }
        }
        out.times.sort_unstable();
        out.late.sort_unstable();
        Ok(out)
    }

    /// One connection: every delivery whose number leaves `first`.
    async fn lane(
        self,
        recorded: Arc<Recorded>,
        begin: Instant,
        first: u32,
    ) -> Result<Sent, Failure> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut out = Sent::default();
        for number in (first..self.count).step_by(CONNECTIONS as usize) {
            let request = recorded.request(number as usize)?;
            let mut bytes = request.head.into_bytes();
            bytes.extend_from_slice(&request.body);
            let due = begin + Duration::from_secs_f64(f64::from(number) / f64::from(self.rate));
            let free = Instant::now() < due;
            tokio::time::sleep_until(due.into()).await;
            if free {
                out.late.push(due.elapsed());
            }
            stream.write_all(&bytes).await?;
            let answer = answer(&mut stream).await?;
            out.times.push(due.elapsed());
            out.ids.push(request.id);
            *out.answers.entry(answer).or_default() += 1;
        }
        Ok(out)
    }
}

/// Reads one answer: its text when it is 2xx, otherwise its first line.
async fn answer(stream: &mut TcpStream) -> Result<String, Failure> {
    let mut answer = Vec::new();
    let mut part = [0; 1_024];
    loop {
        let length = stream.read(&mut part).await?;
        answer.extend(part.iter().take(length));
        let text = String::from_utf8_lossy(&answer);
        let whole = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))?;
            (body.len() >= length.parse::<usize>().ok()?).then_some((head, body))
        });
        if let Some((head, body)) = whole {
            let taken = head.starts_with("HTTP/1.1 2");
            let said = if taken {
                body
            } else {
                head.lines().next().unwrap_or_default()
            };
            return Ok(said.trim().to_owned());
        }
        if length == 0 {
            return Err("the connection ended before the answer".into());
        }
    }
}
