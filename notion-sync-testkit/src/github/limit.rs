//! Quotas: the hourly limit, and the limits per minute that are called secondary.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Duration, Utc};

use super::world::GithubSettings;

/// Which hourly or minute bucket a request draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    Core,
    Search,
    Graphql,
}

impl Resource {
    pub(crate) const ALL: [Self; 3] = [Self::Core, Self::Search, Self::Graphql];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Search => "search",
            Self::Graphql => "graphql",
        }
    }

    fn window(self) -> Duration {
        match self {
            Self::Search => Duration::minutes(1),
            Self::Core | Self::Graphql => Duration::hours(1),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: DateTime<Utc>,
    used: u32,
}

/// What is left of one bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) resource: Resource,
    pub(crate) limit: u32,
    pub(crate) used: u32,
    pub(crate) reset: DateTime<Utc>,
}

impl Standing {
    pub(crate) fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

#[derive(Debug, Clone, Default)]
struct Recent {
    points: VecDeque<(DateTime<Utc>, u32)>,
    content: VecDeque<DateTime<Utc>>,
}

/// The counters of every credential.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quotas {
    windows: BTreeMap<(String, Resource), Window>,
    recent: BTreeMap<String, Recent>,
}

impl Quotas {
    /// The limit of a bucket for a credential, and whether it is enforced.
    fn limit(settings: &GithubSettings, holder: &str, resource: Resource) -> (u32, bool) {
        let (limit, enforced) = match settings.requests_per_hour {
            0 => (5_000, false),
            limit => (limit, true),
        };
        match resource {
            Resource::Search => (30, enforced),
            Resource::Core if holder == "anonymous" => (limit.min(60), enforced),
            Resource::Core | Resource::Graphql => (limit, enforced),
        }
    }

    pub(crate) fn standing(
        &self,
        settings: &GithubSettings,
        holder: &str,
        resource: Resource,
        now: DateTime<Utc>,
    ) -> Standing {
        let (limit, enforced) = Self::limit(settings, holder, resource);
        let window = self
            .windows
            .get(&(holder.to_owned(), resource))
            .filter(|window| window.ends > now)
            .copied()
            .unwrap_or(Window {
                ends: now + resource.window(),
                used: 0,
            });
        let used = if enforced {
            window.used
        } else {
            window.used.min(limit.saturating_sub(1))
        };
        Standing {
            resource,
            limit,
            used,
            reset: window.ends,
        }
    }

    /// Whether one more request is over the limit.
    pub(crate) fn is_exhausted(
        &self,
        settings: &GithubSettings,
        holder: &str,
        resource: Resource,
        now: DateTime<Utc>,
    ) -> bool {
        Self::limit(settings, holder, resource).1
            && self.standing(settings, holder, resource, now).remaining() == 0
    }

    /// Counts a request.
    pub(crate) fn draw(&mut self, holder: &str, resource: Resource, now: DateTime<Utc>) {
        let window = self
            .windows
            .entry((holder.to_owned(), resource))
            .or_insert(Window {
                ends: now + resource.window(),
                used: 0,
            });
        if window.ends <= now {
            *window = Window {
                ends: now + resource.window(),
                used: 0,
            };
        }
        window.used = window.used.saturating_add(1);
    }

    /// Counts against the secondary limits. `Err(true)` when content was created too fast,
    /// `Err(false)` for too many points in a minute.
    pub(crate) fn strain(
        &mut self,
        settings: &GithubSettings,
        holder: &str,
        points: u32,
        creates: bool,
        now: DateTime<Utc>,
    ) -> Result<(), bool> {
        let recent = self.recent.entry(holder.to_owned()).or_default();
        recent
            .points
            .retain(|(at, _)| *at > now - Duration::minutes(1));
        recent.content.retain(|at| *at > now - Duration::hours(1));
        if settings.secondary_limits {
            let spent: u32 = recent.points.iter().map(|(_, points)| *points).sum();
            if spent.saturating_add(points) > settings.points_per_minute {
                return Err(false);
            }
            let minute = recent
                .content
                .iter()
                .filter(|at| **at > now - Duration::minutes(1))
                .count();
            let full = minute >= settings.content_per_minute as usize
                || recent.content.len() >= settings.content_per_hour as usize;
            if creates && full {
                return Err(true);
            }
        }
        recent.points.push_back((now, points));
        if creates {
            recent.content.push_back(now);
        }
        Ok(())
    }
}
