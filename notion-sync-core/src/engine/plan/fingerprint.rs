//! Whether the configuration is the one that the state was made under.

use crate::document::canon::CANON;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::mapping::{Limits, Links, Mapping, Sentinel};
use crate::state::{Batch, Fingerprint, MappingState};

impl Binding {
    /// What a run of this configuration may take for a difference between the sides. Left out is what
    /// can make none: who reviews, what must be readable, limits.
    pub(in crate::engine) fn fingerprint(&self) -> Fingerprint {
        let mapping = Mapping {
            reviewers: Vec::new(),
            links: Links::default(),
            sentinel: Sentinel::default(),
            limits: Limits::default(),
            ..self.mapping.clone()
        };
        let place = |scope: String| ContentHash::of_bytes("nsync/scope/v1", scope.as_bytes());
        Fingerprint {
            mapping: ContentHash::of("nsync/mapping/v1", &mapping),
            notion: place(self.notion.scope()),
            github: place(self.github.scope()),
            canon: ContentHash::of_bytes("nsync/canon-version", CANON.as_bytes()),
        }
    }
}

impl Engine {
    /// Which parts of the configuration are not as they were when the state was made.
    pub(in crate::engine) fn reconfigured(
        binding: &Binding,
        state: &MappingState,
    ) -> Vec<&'static str> {
        match &state.fingerprint {
            Some(known) => binding.fingerprint().differences(known),
            None => Vec::new(),
        }
    }

    /// Remembers the configuration after a plan of it was carried out, where it was another one.
    pub(in crate::engine) async fn accept_configuration(&self, binding: &Binding) -> Result<()> {
        let stored = self.state().mapping(&binding.mapping.id).await?;
        if Self::reconfigured(binding, &stored.value).is_empty() {
            return Ok(());
        }
        let mut next = MappingState::clone(&stored.value);
        next.fingerprint = Some(binding.fingerprint());
        let mut batch = Batch::default();
        batch.mapping(&binding.mapping.id, &next, &stored)?;
        self.state().commit(batch).await
    }

    /// Whether everything has to be listed: what a changed configuration does shows only so.
    pub(in crate::engine) fn looks_at_all(
        binding: &Binding,
        state: &MappingState,
        full: bool,
    ) -> bool {
        full || !Self::reconfigured(binding, state).is_empty()
    }
}
