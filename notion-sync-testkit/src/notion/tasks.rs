//! Writes that happen later: asynchronous tasks, and requests whose connection broke.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::api::{Call, Done, Service};
use super::error::{ApiError, ApiResult};
use super::view::stamp;

/// How long a task can be asked for.
const KEPT: Duration = Duration::hours(1);

/// The writes that wait, and the tasks that can be asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    waiting: Vec<Waiting>,
    known: Vec<Task>,
    made: u64,
}

#[derive(Debug, Clone)]
struct Waiting {
    due: DateTime<Utc>,
    call: Call,
    task: Option<String>,
}

#[derive(Debug, Clone)]
struct Task {
    id: String,
    owner: super::id::NotionId,
    made: DateTime<Utc>,
    name: &'static str,
    outcome: Option<Result<Value, Value>>,
}

impl Service {
    /// Lets a write happen at `due`.
    pub(crate) fn defer(&mut self, call: Call, due: DateTime<Utc>) {
        self.tasks.waiting.push(Waiting {
            due,
            call,
            task: None,
        });
    }

    /// Accepts a write as a task and answers 202.
    pub(crate) fn accept(&mut self, call: &Call, name: &'static str) -> Done {
        self.tasks.made += 1;
        let number = format!("task {}", self.tasks.made);
        let id = format!(
            "task_{}",
            super::id::NotionId::derived(self.ws.seed, &number).hex()
        );
        let mut later = call.clone();
        if let Some(body) = later.body.as_object_mut() {
            body.remove("allow_async");
        }
        let due = call.now + Duration::seconds(i64::from(self.options.async_seconds));
        self.tasks.waiting.push(Waiting {
            due,
            call: later,
            task: Some(id.clone()),
        });
        let task = Task {
            id,
            owner: call.viewer.user,
            made: call.now,
            name,
            outcome: None,
        };
        let body = self.show(&task);
        self.tasks.known.push(task);
        Done {
            status: 202,
            body,
            committed: None,
        }
    }

    fn show(&self, task: &Task) -> Value {
        let mut out = json!({
            "object": "async_task",
            "id": task.id,
            "status_url": format!("https://api.notion.com/v1/async_tasks/{}", task.id),
            "created_time": stamp(task.made),
            "operation": {"surface": "rest", "name": task.name},
        });
        let (status, key, value) = match &task.outcome {
            None => (
                "queued",
                "poll_after_seconds",
                json!(self.options.async_seconds),
            ),
            Some(Ok(result)) => ("succeeded", "result", result.clone()),
            Some(Err(error)) => ("failed", "error", error.clone()),
        };
        if let Some(object) = out.as_object_mut() {
            object.insert("status".into(), status.into());
            object.insert(key.into(), value);
        }
        out
    }

    pub(crate) fn get_task(&self, call: &Call, id: &str) -> ApiResult<Done> {
        let task = self.tasks.known.iter().find(|task| {
            task.id == id && task.owner == call.viewer.user && task.made + KEPT > call.now
        });
        match task {
            Some(task) => Ok(self.show(task).into()),
            None => Err(ApiError::new(
                404,
                "object_not_found",
                format!(
                    "Could not find async task with ID: {}.",
                    id.chars().take(100).collect::<String>()
                ),
            )),
        }
    }

    /// Carries out what is due at `now`, in the order it is due.
    pub(crate) fn catch_up(&mut self, now: DateTime<Utc>) {
        loop {
            let next = self
                .tasks
                .waiting
                .iter()
                .enumerate()
                .filter(|(_, waiting)| waiting.due <= now)
                .min_by_key(|(index, waiting)| (waiting.due, *index))
                .map(|(index, _)| index);
            let Some(index) = next else { break };
            let waiting = self.tasks.waiting.remove(index);
            let mut call = waiting.call;
            call.now = waiting.due;
            let outcome = self.run(&call);
            let Some(id) = waiting.task else { continue };
            if let Some(task) = self.tasks.known.iter_mut().find(|task| task.id == id) {
                task.outcome = Some(match outcome {
                    Ok(done) => Ok(done.body),
                    Err(error) => Err(error.to_value(&id)),
                });
            }
        }
        self.tasks.known.retain(|task| task.made + KEPT > now);
    }
}
