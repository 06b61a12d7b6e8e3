//! People who edit what the engine has just decided to remove.

use std::sync::Arc;

use notion_sync_core::clock::Clock;
use notion_sync_core::http::HttpSend;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{Action, Remote, Write};
use notion_sync_examples::demo::Between;
use notion_sync_github::reference;
use notion_sync_testkit::simulation::{OnWrite, Overheard};

use super::people::Aim;
use super::seam::Seam;

/// What stands between, with people who wait for a removal.
#[derive(Debug)]
pub(super) struct Ambushed {
    pub(super) inner: Arc<dyn Between>,
    pub(super) seam: Arc<Seam>,
}

impl Between for Ambushed {
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        self.inner.way(side, inner)
    }

    fn remote(&self, side: Side, inner: Arc<dyn Remote>) -> Arc<dyn Remote> {
        let inner = self.inner.remote(side, inner);
        Arc::new(Overheard::new(inner, Arc::new(Waiting(self.seam.clone()))))
    }

    fn clock(&self, inner: Arc<dyn Clock>) -> Arc<dyn Clock> {
        self.inner.clock(inner)
    }
}

/// People who wait for a removal.
#[derive(Debug)]
struct Waiting(Arc<Seam>);

impl OnWrite for Waiting {
    fn begins(&self, side: Side, batch: &[Write]) {
        for write in batch {
            if let Action::Remove { object, .. } = &write.action
                && let Some(aim) = aim(side, object)
            {
                self.0.ambushed(aim);
            }
        }
    }
}

fn aim(side: Side, object: &RemoteRef) -> Option<Aim> {
    match side {
        Side::Notion => object.id.parse().ok().map(Aim::Page),
        Side::Github => match reference::parse_numbered(object) {
            Ok((_, number)) => Some(Aim::Issue(number)),
            Err(_) => Some(Aim::File),
        },
    }
}
