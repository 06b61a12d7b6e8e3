//! What is asked of GraphQL, and how numbers of a repository are asked for by its id.

use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use crate::client::GithubClient;
use crate::repository::RepositoryInfo;

/// The parts of a pull request by which one is chosen and shown.
pub(super) const PULL_PARTS: &str = "fragment P on PullRequest{number url updatedAt state isDraft body \
     headRefOid reviewDecision repository{databaseId} \
     commits(last:1){nodes{commit{statusCheckRollup{state}}}}}";

/// What a merge is judged by besides the answers of REST: one page of the results of the head.
pub(super) const JUDGED: &str = "query($owner:String!,$name:String!,$number:Int!,$after:String){\
     repository(owner:$owner,name:$name){databaseId \
     mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed \
     pullRequest(number:$number){headRefOid reviewDecision isInMergeQueue isMergeQueueEnabled \
     potentialMergeCommit{oid statusCheckRollup{state}} \
     commits(last:1){nodes{commit{oid statusCheckRollup{\
     contexts(first:100,after:$after){pageInfo{hasNextPage endCursor} nodes{__typename \
     ...on CheckRun{name status conclusion isRequired(pullRequestNumber:$number) \
     checkSuite{app{databaseId}}} \
     ...on StatusContext{context state isRequired(pullRequestNumber:$number)}}}}}}}}}}";

/// One page of the results of a commit, judged for a pull request.
pub(super) const RESULTS: &str = "query($owner:String!,$name:String!,$number:Int!,\
     $oid:GitObjectID!,$after:String){\
     repository(owner:$owner,name:$name){databaseId object(oid:$oid){...on Commit{statusCheckRollup{\
     contexts(first:100,after:$after){pageInfo{hasNextPage endCursor} nodes{__typename \
     ...on CheckRun{name status conclusion isRequired(pullRequestNumber:$number) \
     checkSuite{app{databaseId}}} \
     ...on StatusContext{context state isRequired(pullRequestNumber:$number)}}}}}}}}";

/// Whether a pull request waits in a merge queue.
pub(super) const QUEUED: &str = "query($owner:String!,$name:String!,$number:Int!){\
     repository(owner:$owner,name:$name){databaseId \
     pullRequest(number:$number){isInMergeQueue}}}";

/// Marks a draft as ready.
pub(super) const MARK_READY: &str = "mutation($id:ID!){\
     markPullRequestReadyForReview(input:{pullRequestId:$id}){pullRequest{isDraft}}}";

/// Makes a draft of a pull request.
pub(super) const CONVERT_TO_DRAFT: &str = "mutation($id:ID!){\
     convertPullRequestToDraft(input:{pullRequestId:$id}){pullRequest{isDraft}}}";

/// Puts a pull request into the merge queue of its base.
pub(super) const ENQUEUE: &str = "mutation($id:ID!,$head:GitObjectID!){\
     enqueuePullRequest(input:{pullRequestId:$id,expectedHeadOid:$head}){mergeQueueEntry{id}}}";

/// Asks something of one repository. GraphQL takes names only, and a name can have come to another
/// repository: the answer is refused where its id is not the one the pairs were made with.
///
/// Answers what is below `repository`, and what is wrong in parts of it.
pub(super) async fn of_repository(
    client: &GithubClient,
    during: &'static str,
    repository: &RepositoryInfo,
    query: &str,
    variables: Map<String, Value>,
) -> Result<(Value, Vec<Error>)> {
    let (owner, name) = repository
        .full_name
        .split_once('/')
        .unwrap_or((repository.full_name.as_str(), ""));
    let mut all = variables;
    all.insert("owner".to_owned(), json!(owner));
    all.insert("name".to_owned(), json!(name));
    let (mut data, mut errors) = client.ask(during, query, Value::Object(all)).await?;
    let found = data
        .get_mut("repository")
        .map(Value::take)
        .unwrap_or_default();
    if !found.is_object() {
        return Err(if errors.is_empty() {
            Error::new(ErrorKind::NotFound, during).with("repository", &repository.full_name)
        } else {
            errors.swap_remove(0)
        });
    }
    let id = found.get("databaseId").and_then(Value::as_u64);
    if id.is_some_and(|id| id != repository.id) {
        return Err(Error::new(ErrorKind::Configuration, during)
            .with("repository", &repository.full_name)
            .message("the name now belongs to another repository")
            .remedy("configure the new name of the old repository"));
    }
    Ok((found, errors))
}

pub(super) use crate::project::{is, text};
