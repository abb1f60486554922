//! What the commands have in common by which a person writes on a pod: `request`, `withdraw`, `approve`. Each shows what a run would
//! decide before and after, and writes one PATCH, with that person's rights.

mod error;

use serde::Serialize;
use serde_json::json;

use crate::cluster::api::{Api, ApiError, Cause, PODS, PodObject, Writer};
use crate::commands::desk::{Source, View};
use crate::commands::explain::{ExplainError, OnePod, PodExplanation, ToDo, explain_pod};
use crate::core::marks::Marks;
use crate::core::words::inert;
use crate::outside::clock::Deadline;
use crate::run::RunError;
use crate::terminal::style::Tone;
use crate::terminal::table::{Layout, labelled};

pub(crate) use error::MarkError;

/// A person at a desk, with the settings and runbooks by which runs decide.
pub(crate) struct AtDesk {
    pub api: Api,
    pub view: View,
    pub source: Source,
}

/// What was written, and what a run decides by it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Marked {
    pub namespace: String,
    pub pod: String,
    pub uid: String,
    pub action: MarkAction,
    /// Who did it, by the API server's word.
    pub by: String,
    /// Why this pod, where a workload was named.
    pub chosen: Option<String>,
    /// The plan that was approved.
    pub plan: Option<String>,
    /// What a run would have decided before; for a pod that did not ask, what a run would decide of the request.
    pub before: Outlook,
    /// What a run decides now; null where nothing asks any more.
    pub after: Option<Outlook>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MarkAction {
    /// A request was made.
    Requested,
    /// A request that stood was replaced by one of now.
    Renewed,
    /// A request was taken back.
    Withdrew,
    /// A plan was approved.
    Approved,
}

/// What a run decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Outlook {
    pub mode: &'static str,
    pub reason: &'static str,
    pub message: String,
    pub to_do: Vec<ToDo>,
}

impl AtDesk {
    /// The pod of this name.
    ///
    /// # Errors
    /// It does not exist, or cannot be read.
    pub(crate) async fn pod(&self, name: &str) -> Result<PodObject, MarkError> {
        match self.api.get::<PodObject>(PODS, name).await {
            Err(ApiError { cause: Cause::NotFound, .. }) => Err(self.gone(name)),
            object => Ok(object.map_err(RunError::from)?),
        }
    }

    /// What a run would decide on this pod; with marks, if they were on it.
    ///
    /// # Errors
    /// See [`ExplainError`].
    pub(crate) async fn outlook(&self, name: &str, assumed: Option<&Marks>) -> Result<PodExplanation, MarkError> {
        let settings = self.view.settings();
        let (runbooks, deadline) = (&self.source.runbooks, Deadline::after(settings.deadline));
        Ok(explain_pod(&self.api, settings, runbooks, OnePod { name, assumed }, deadline).await?)
    }

    /// Writes marks on the pod of this name, if it still has this UID.
    ///
    /// # Errors
    /// The caller may not, the pod is gone, or the cluster refuses it.
    pub(crate) async fn write(&self, name: &str, uid: &str, marks: &Marks) -> Result<(), MarkError> {
        let writer = Writer::new(self.api.clone());
        // The UID is not to be changed, so that a patch of another pod is refused: a StatefulSet's next pod has the same name.
        let patch = json!({"metadata": {"uid": uid, "labels": marks.labels, "annotations": marks.annotations}});
        writer.patch(PODS, name, &patch).await.map_err(|error| match &error.cause {
            Cause::NotFound => self.gone(name),
            Cause::Forbidden(_) => {
                MarkError::MayNotPatch { pod: inert(name, 253), namespace: self.api.namespace().to_owned(), error: Box::new(error) }
            }
            _ => RunError::from(error).into(),
        })
    }

    fn gone(&self, name: &str) -> MarkError {
        ExplainError::NoPod { pod: inert(name, 253), namespace: self.api.namespace().to_owned() }.into()
    }
}

impl From<&PodExplanation> for Outlook {
    fn from(pod: &PodExplanation) -> Self {
        Self { mode: pod.mode, reason: pod.reason, message: pod.message.clone(), to_do: pod.to_do.clone() }
    }
}

impl Marked {
    /// For people.
    pub(crate) fn table(&self, layout: Layout) -> String {
        let Self { pod, by, chosen, plan, before, after, .. } = self;
        let by = inert(by, 253);
        let mut text = match self.action {
            MarkAction::Requested => format!("requested the replacement of {pod} as {by}\n"),
            MarkAction::Renewed => format!("renewed the request on {pod} as {by}\n"),
            MarkAction::Withdrew => format!("withdrew the request on {pod} as {by}\n"),
            MarkAction::Approved => format!("approved plan {} of {pod} as {by}\n", plan.as_deref().unwrap_or_default()),
        };
        if let Some(chosen) = chosen {
            text.push_str(&labelled("Chosen", chosen, Tone::Plain, layout));
        }
        // The plan has just been shown, and what has not changed is said once.
        let unchanged = after.as_ref().is_some_and(|after| before.message.ends_with(&after.message));
        let said =
            if unchanged || self.action == MarkAction::Approved { before.mode } else { &format!("{}: {}", before.mode, before.message) };
        text.push_str(&labelled("Before", said, Tone::Plain, layout));
        let Some(after) = after else {
            return text + &labelled("Now", "the pod does not ask to be replaced: runs leave it alone", Tone::Plain, layout);
        };
        text.push_str(&labelled("Now", &format!("{}: {}", after.mode, after.message), Tone::Bold, layout));
        for ToDo { advice, command, .. } in &after.to_do {
            text.push_str(&labelled("hint:", advice, Tone::Plain, layout));
            if let Some(command) = command {
                // Whole, however long: it is there to be copied.
                text.push_str(&format!("{:10}  {}\n", "", Tone::Bold.on(command, layout.colour)));
            }
        }
        text
    }
}
