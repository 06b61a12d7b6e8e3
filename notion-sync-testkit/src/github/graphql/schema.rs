//! The types that exist here: names of fields and what they lead to. Field names and types are
//! GitHub's; what is not listed here is refused by name, as the service refuses what it lacks.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// One type per line: name, then fields with the type they lead to. A line that starts with `|`
/// names the members of a union or interface.
const TYPES: &str = "
Query: viewer=User rateLimit=RateLimit repository=Repository repositoryOwner=RepositoryOwner organization=Organization user=User node=Node nodes=Node search=SearchResultItemConnection
Mutation: createCommitOnBranch=CreateCommitOnBranchPayload markPullRequestReadyForReview=PullRequestPayload convertPullRequestToDraft=PullRequestPayload createIssue=IssuePayload updateIssue=IssuePayload closeIssue=IssuePayload reopenIssue=IssuePayload deleteIssue=DeleteIssuePayload transferIssue=IssuePayload addComment=AddCommentPayload createPullRequest=PullRequestPayload updatePullRequest=PullRequestPayload mergePullRequest=PullRequestPayload closePullRequest=PullRequestPayload reopenPullRequest=PullRequestPayload addLabelsToLabelable=LabelablePayload removeLabelsFromLabelable=LabelablePayload addAssigneesToAssignable=AssignablePayload removeAssigneesFromAssignable=AssignablePayload replaceActorsForAssignable=AssignablePayload requestReviews=PullRequestPayload enablePullRequestAutoMerge=PullRequestPayload disablePullRequestAutoMerge=PullRequestPayload enqueuePullRequest=QueuePayload dequeuePullRequest=QueuePayload addPullRequestReview=AddPullRequestReviewPayload addProjectV2ItemById=AddProjectV2ItemByIdPayload addProjectV2DraftIssue=AddProjectV2DraftIssuePayload updateProjectV2ItemFieldValue=ProjectV2ItemFieldValuePayload clearProjectV2ItemFieldValue=ProjectV2ItemFieldValuePayload archiveProjectV2Item=ArchiveProjectV2ItemPayload unarchiveProjectV2Item=ArchiveProjectV2ItemPayload deleteProjectV2Item=DeleteProjectV2ItemPayload addSubIssue=SubIssuePayload removeSubIssue=SubIssuePayload
AddProjectV2ItemByIdPayload: clientMutationId=String item=ProjectV2Item
AddProjectV2DraftIssuePayload: clientMutationId=String projectItem=ProjectV2Item
ProjectV2ItemFieldValuePayload: clientMutationId=String projectV2Item=ProjectV2Item
ArchiveProjectV2ItemPayload: clientMutationId=String item=ProjectV2Item
DeleteProjectV2ItemPayload: clientMutationId=String deletedItemId=ID
SubIssuePayload: clientMutationId=String issue=Issue subIssue=Issue
CreateCommitOnBranchPayload: clientMutationId=String commit=Commit ref=Ref
PullRequestPayload: clientMutationId=String pullRequest=PullRequest actor=Actor
QueuePayload: clientMutationId=String mergeQueueEntry=MergeQueueEntry
IssuePayload: clientMutationId=String issue=Issue
DeleteIssuePayload: clientMutationId=String repository=Repository
AddCommentPayload: clientMutationId=String commentEdge=IssueCommentEdge subject=Node
AddPullRequestReviewPayload: clientMutationId=String pullRequestReview=PullRequestReview
LabelablePayload: clientMutationId=String labelable=Labelable
AssignablePayload: clientMutationId=String assignable=Assignable
RateLimit: cost=Int limit=Int remaining=Int resetAt=DateTime used=Int nodeCount=Int
Node: id=ID
| Node: User Organization Bot Repository Issue PullRequest IssueComment Label Milestone Commit Ref ProjectV2 ProjectV2Item ProjectV2Field ProjectV2SingleSelectField ProjectV2IterationField DraftIssue
RepositoryOwner: id=ID login=String url=URI repository=Repository repositories=RepositoryConnection
| RepositoryOwner: User Organization
Actor: login=String url=URI avatarUrl=URI resourcePath=URI
| Actor: User Organization Bot
Assignee: id=ID login=String
| Assignee: User Bot
RequestedReviewer: id=ID
| RequestedReviewer: User Team Bot
Labelable: labels=LabelConnection
| Labelable: Issue PullRequest
Assignable: assignees=UserConnection
| Assignable: Issue PullRequest
IssueOrPullRequest: id=ID
| IssueOrPullRequest: Issue PullRequest
SearchResultItem: id=ID
| SearchResultItem: Issue PullRequest Repository
GitObject: id=ID oid=GitObjectID abbreviatedOid=String
| GitObject: Commit Blob Tree
User: id=ID databaseId=Int login=String name=String email=String url=URI avatarUrl=URI resourcePath=URI isViewer=Boolean createdAt=DateTime company=String bio=String repository=Repository repositories=RepositoryConnection organizations=OrganizationConnection projectV2=ProjectV2 projectsV2=ProjectV2Connection
Organization: id=ID databaseId=Int login=String name=String email=String url=URI avatarUrl=URI resourcePath=URI createdAt=DateTime repository=Repository repositories=RepositoryConnection teams=TeamConnection projectV2=ProjectV2 projectsV2=ProjectV2Connection
Bot: id=ID databaseId=Int login=String url=URI avatarUrl=URI resourcePath=URI createdAt=DateTime
Team: id=ID databaseId=Int slug=String name=String organization=Organization
Repository: id=ID databaseId=Int name=String nameWithOwner=String owner=RepositoryOwner description=String url=URI sshUrl=String homepageUrl=URI mirrorUrl=URI isPrivate=Boolean isArchived=Boolean isFork=Boolean isEmpty=Boolean isTemplate=Boolean isInOrganization=Boolean isMirror=Boolean isDisabled=Boolean isLocked=Boolean isUserConfigurationRepository=Boolean isSecurityPolicyEnabled=Boolean isBlankIssuesEnabled=Boolean hasIssuesEnabled=Boolean hasProjectsEnabled=Boolean hasWikiEnabled=Boolean hasDiscussionsEnabled=Boolean usesCustomOpenGraphImage=Boolean viewerPermission=RepositoryPermission viewerCanAdminister=Boolean viewerHasStarred=Boolean viewerSubscription=String viewerDefaultMergeMethod=String viewerDefaultCommitEmail=String viewerPossibleCommitEmails=String mergeCommitAllowed=Boolean rebaseMergeAllowed=Boolean squashMergeAllowed=Boolean deleteBranchOnMerge=Boolean autoMergeAllowed=Boolean visibility=RepositoryVisibility defaultBranchRef=Ref ref=Ref refs=RefConnection object=GitObject issue=Issue issues=IssueConnection issueOrPullRequest=IssueOrPullRequest pullRequest=PullRequest pullRequests=PullRequestConnection labels=LabelConnection label=Label milestones=MilestoneConnection milestone=Milestone assignableUsers=UserConnection mentionableUsers=UserConnection suggestedActors=ActorConnection parent=Repository templateRepository=Repository createdAt=DateTime updatedAt=DateTime pushedAt=DateTime stargazerCount=Int forkCount=Int diskUsage=Int watchers=UserConnection primaryLanguage=Language licenseInfo=License languages=LanguageConnection repositoryTopics=RepositoryTopicConnection issueTemplates=IssueTemplate pullRequestTemplates=PullRequestTemplate projectsV2=ProjectV2Connection planFeatures=RepositoryPlanFeatures archivedAt=DateTime
Issue: id=ID databaseId=Int fullDatabaseId=BigInt number=Int title=String titleHTML=String body=String bodyText=String url=URI resourcePath=URI state=IssueState stateReason=IssueStateReason author=Actor authorAssociation=String createdAt=DateTime updatedAt=DateTime closedAt=DateTime lastEditedAt=DateTime closed=Boolean locked=Boolean activeLockReason=LockReason isPinned=Boolean isReadByViewer=Boolean viewerDidAuthor=Boolean viewerCanUpdate=Boolean repository=Repository labels=LabelConnection assignees=UserConnection assignedActors=AssigneeConnection suggestedActors=ActorConnection milestone=Milestone comments=IssueCommentConnection reactionGroups=ReactionGroup projectItems=ProjectV2ItemConnection projectCards=ProjectCardConnection closedByPullRequestsReferences=PullRequestConnection issueType=IssueType parent=Issue subIssues=IssueConnection subIssuesSummary=SubIssuesSummary blockedBy=IssueConnection blocking=IssueConnection participants=UserConnection
PullRequest: id=ID databaseId=Int fullDatabaseId=BigInt number=Int title=String titleHTML=String body=String bodyText=String url=URI permalink=URI resourcePath=URI state=PullRequestState author=Actor authorAssociation=String createdAt=DateTime updatedAt=DateTime closedAt=DateTime mergedAt=DateTime mergedBy=Actor closed=Boolean merged=Boolean locked=Boolean activeLockReason=LockReason isDraft=Boolean isCrossRepository=Boolean isInMergeQueue=Boolean isMergeQueueEnabled=Boolean maintainerCanModify=Boolean mergeable=MergeableState mergeStateStatus=MergeStateStatus mergeCommit=Commit potentialMergeCommit=Commit autoMergeRequest=AutoMergeRequest mergeQueueEntry=MergeQueueEntry reviewDecision=PullRequestReviewDecision headRefName=String headRefOid=GitObjectID headRef=Ref headRepository=Repository headRepositoryOwner=RepositoryOwner baseRefName=String baseRefOid=GitObjectID baseRef=Ref baseRepository=Repository repository=Repository additions=Int deletions=Int changedFiles=Int files=PullRequestChangedFileConnection commits=PullRequestCommitConnection labels=LabelConnection assignees=UserConnection assignedActors=AssigneeConnection suggestedActors=ActorConnection milestone=Milestone comments=IssueCommentConnection reviews=PullRequestReviewConnection latestReviews=PullRequestReviewConnection latestOpinionatedReviews=PullRequestReviewConnection reviewRequests=ReviewRequestConnection reactionGroups=ReactionGroup projectItems=ProjectV2ItemConnection projectCards=ProjectCardConnection closingIssuesReferences=IssueConnection statusCheckRollup=StatusCheckRollup viewerDidAuthor=Boolean viewerCanUpdate=Boolean viewerMergeBodyText=String viewerMergeHeadlineText=String
IssueComment: id=ID databaseId=Int fullDatabaseId=BigInt author=Actor authorAssociation=String body=String bodyText=String createdAt=DateTime updatedAt=DateTime url=URI includesCreatedEdit=Boolean isMinimized=Boolean minimizedReason=String viewerDidAuthor=Boolean reactionGroups=ReactionGroup issue=Issue
IssueCommentEdge: node=IssueComment cursor=String
Label: id=ID name=String description=String color=String isDefault=Boolean url=URI createdAt=DateTime
Milestone: id=ID number=Int title=String description=String dueOn=DateTime state=MilestoneState url=URI createdAt=DateTime updatedAt=DateTime closed=Boolean
Ref: id=ID name=String prefix=String target=GitObject repository=Repository compare=Comparison branchProtectionRule=BranchProtectionRule
BranchProtectionRule: requiresStrictStatusChecks=Boolean requiredApprovingReviewCount=Int
Comparison: aheadBy=Int behindBy=Int status=String
Commit: id=ID oid=GitObjectID abbreviatedOid=String message=String messageHeadline=String messageBody=String committedDate=DateTime authoredDate=DateTime url=URI commitUrl=URI author=GitActor committer=GitActor authors=GitActorConnection parents=CommitConnection tree=Tree signature=GitSignature statusCheckRollup=StatusCheckRollup history=CommitHistoryConnection additions=Int deletions=Int changedFiles=Int
Tree: id=ID oid=GitObjectID abbreviatedOid=String entries=TreeEntry
TreeEntry: name=String type=String mode=Int oid=GitObjectID path=String object=GitObject
Blob: id=ID oid=GitObjectID abbreviatedOid=String text=String byteSize=Int isBinary=Boolean isTruncated=Boolean
GitActor: name=String email=String date=DateTime user=User
GitSignature: isValid=Boolean state=String wasSignedByGitHub=Boolean email=String
StatusCheckRollup: id=ID state=StatusState commit=Commit contexts=StatusCheckRollupContextConnection
MergeQueueEntry: id=ID state=String position=Int enqueuedAt=DateTime enqueuer=Actor jump=Boolean solo=Boolean pullRequest=PullRequest baseCommit=Commit headCommit=Commit estimatedTimeToMerge=Int
AutoMergeRequest: enabledAt=DateTime mergeMethod=String authorEmail=String commitBody=String commitHeadline=String enabledBy=Actor pullRequest=PullRequest
PullRequestCommit: id=ID commit=Commit
PullRequestChangedFile: path=String additions=Int deletions=Int changeType=String
PullRequestReview: id=ID databaseId=Int fullDatabaseId=BigInt author=Actor authorAssociation=String state=PullRequestReviewState body=String submittedAt=DateTime createdAt=DateTime url=URI commit=Commit includesCreatedEdit=Boolean reactionGroups=ReactionGroup
ReviewRequest: id=ID requestedReviewer=RequestedReviewer asCodeOwner=Boolean
ReactionGroup: content=String users=ReactorConnection reactors=ReactorConnection
IssueType: id=ID name=String description=String color=String
SubIssuesSummary: total=Int completed=Int percentCompleted=Int
Language: id=ID name=String color=String
License: key=String name=String nickname=String spdxId=String url=URI
RepositoryTopic: topic=Topic
Topic: name=String
IssueTemplate: name=String body=String title=String about=String filename=String
PullRequestTemplate: filename=String body=String
RepositoryPlanFeatures: draftPullRequests=Boolean codeowners=Boolean
ProjectV2: id=ID databaseId=Int fullDatabaseId=BigInt number=Int title=String url=URI resourcePath=URI closed=Boolean closedAt=DateTime createdAt=DateTime updatedAt=DateTime public=Boolean template=Boolean shortDescription=String readme=String owner=ProjectV2Owner creator=Actor viewerCanUpdate=Boolean field=ProjectV2FieldConfiguration fields=ProjectV2FieldConfigurationConnection items=ProjectV2ItemConnection
ProjectV2Owner: id=ID projectV2=ProjectV2 projectsV2=ProjectV2Connection
| ProjectV2Owner: User Organization
ProjectV2FieldCommon: id=ID databaseId=Int name=String dataType=String project=ProjectV2 createdAt=DateTime updatedAt=DateTime
| ProjectV2FieldCommon: ProjectV2Field ProjectV2SingleSelectField ProjectV2IterationField
ProjectV2FieldConfiguration: __typename=String
| ProjectV2FieldConfiguration: ProjectV2Field ProjectV2SingleSelectField ProjectV2IterationField
ProjectV2Field: id=ID databaseId=Int name=String dataType=String project=ProjectV2 createdAt=DateTime updatedAt=DateTime
ProjectV2SingleSelectField: id=ID databaseId=Int name=String dataType=String project=ProjectV2 createdAt=DateTime updatedAt=DateTime options=ProjectV2SingleSelectFieldOption
ProjectV2SingleSelectFieldOption: id=String name=String nameHTML=String color=String description=String descriptionHTML=String
ProjectV2IterationField: id=ID databaseId=Int name=String dataType=String project=ProjectV2 createdAt=DateTime updatedAt=DateTime configuration=ProjectV2IterationFieldConfiguration
ProjectV2IterationFieldConfiguration: duration=Int startDay=Int iterations=ProjectV2IterationFieldIteration completedIterations=ProjectV2IterationFieldIteration
ProjectV2IterationFieldIteration: id=String title=String titleHTML=String startDate=Date duration=Int
ProjectV2Item: id=ID databaseId=Int fullDatabaseId=BigInt type=String isArchived=Boolean createdAt=DateTime updatedAt=DateTime creator=Actor project=ProjectV2 content=ProjectV2ItemContent fieldValues=ProjectV2ItemFieldValueConnection fieldValueByName=ProjectV2ItemFieldValue
ProjectV2ItemContent: __typename=String
| ProjectV2ItemContent: Issue PullRequest DraftIssue
DraftIssue: id=ID title=String body=String bodyText=String createdAt=DateTime updatedAt=DateTime creator=Actor
ProjectV2ItemFieldValue: __typename=String
| ProjectV2ItemFieldValue: ProjectV2ItemFieldTextValue ProjectV2ItemFieldNumberValue ProjectV2ItemFieldDateValue ProjectV2ItemFieldSingleSelectValue ProjectV2ItemFieldIterationValue ProjectV2ItemFieldUserValue ProjectV2ItemFieldLabelValue ProjectV2ItemFieldMilestoneValue ProjectV2ItemFieldRepositoryValue ProjectV2ItemFieldPullRequestValue
ProjectV2ItemFieldValueCommon: id=ID databaseId=Int createdAt=DateTime updatedAt=DateTime creator=Actor field=ProjectV2FieldConfiguration item=ProjectV2Item
| ProjectV2ItemFieldValueCommon: ProjectV2ItemFieldTextValue ProjectV2ItemFieldNumberValue ProjectV2ItemFieldDateValue ProjectV2ItemFieldSingleSelectValue ProjectV2ItemFieldIterationValue
ProjectV2ItemFieldTextValue: id=ID databaseId=Int createdAt=DateTime updatedAt=DateTime creator=Actor field=ProjectV2FieldConfiguration item=ProjectV2Item text=String
ProjectV2ItemFieldNumberValue: id=ID databaseId=Int createdAt=DateTime updatedAt=DateTime creator=Actor field=ProjectV2FieldConfiguration item=ProjectV2Item number=Float
ProjectV2ItemFieldDateValue: id=ID databaseId=Int createdAt=DateTime updatedAt=DateTime creator=Actor field=ProjectV2FieldConfiguration item=ProjectV2Item date=Date
ProjectV2ItemFieldSingleSelectValue: id=ID databaseId=Int createdAt=DateTime updatedAt=DateTime creator=Actor field=ProjectV2FieldConfiguration item=ProjectV2Item optionId=String name=String nameHTML=String color=String description=String
ProjectV2ItemFieldIterationValue: id=ID databaseId=Int createdAt=DateTime updatedAt=DateTime creator=Actor field=ProjectV2FieldConfiguration item=ProjectV2Item iterationId=String title=String titleHTML=String startDate=Date duration=Int
ProjectV2ItemFieldUserValue: field=ProjectV2FieldConfiguration users=UserConnection
ProjectV2ItemFieldLabelValue: field=ProjectV2FieldConfiguration labels=LabelConnection
ProjectV2ItemFieldMilestoneValue: field=ProjectV2FieldConfiguration milestone=Milestone
ProjectV2ItemFieldRepositoryValue: field=ProjectV2FieldConfiguration repository=Repository
ProjectV2ItemFieldPullRequestValue: field=ProjectV2FieldConfiguration pullRequests=PullRequestConnection
ProjectCard: id=ID project=Project column=ProjectColumn
Project: name=String
ProjectColumn: name=String
StatusCheckRollupContext: id=ID
CheckRun: id=ID databaseId=Int name=String status=String conclusion=String isRequired=Boolean startedAt=DateTime completedAt=DateTime detailsUrl=URI url=URI permalink=URI externalId=String title=String summary=String text=String repository=Repository checkSuite=CheckSuite
CheckSuite: id=ID databaseId=Int status=String conclusion=String createdAt=DateTime updatedAt=DateTime commit=Commit app=App workflowRun=WorkflowRun
App: id=ID databaseId=Int slug=String name=String
WorkflowRun: event=String workflow=Workflow
Workflow: name=String
StatusContext: id=ID context=String state=StatusState isRequired=Boolean targetUrl=URI createdAt=DateTime description=String commit=Commit creator=Actor
| StatusCheckRollupContext: CheckRun StatusContext
StateCount: state=String count=Int
PageInfo: hasNextPage=Boolean endCursor=String hasPreviousPage=Boolean startCursor=String
__Type: name=String kind=String fields=__Field inputFields=__Field enumValues=__Field
__Field: name=String
__Schema: queryType=__Type mutationType=__Type types=__Type
";

/// Connections: every one has `nodes`, `edges`, `pageInfo` and `totalCount`.
const CONNECTIONS: &[(&str, &str)] = &[
    ("ActorConnection", "Actor"),
    ("AssigneeConnection", "Assignee"),
    ("CommitConnection", "Commit"),
    ("CommitHistoryConnection", "Commit"),
    ("GitActorConnection", "GitActor"),
    ("IssueCommentConnection", "IssueComment"),
    ("IssueConnection", "Issue"),
    ("LabelConnection", "Label"),
    ("LanguageConnection", "Language"),
    ("MilestoneConnection", "Milestone"),
    ("OrganizationConnection", "Organization"),
    ("ProjectCardConnection", "ProjectCard"),
    ("ProjectV2Connection", "ProjectV2"),
    (
        "ProjectV2FieldConfigurationConnection",
        "ProjectV2FieldConfiguration",
    ),
    ("ProjectV2ItemConnection", "ProjectV2Item"),
    (
        "ProjectV2ItemFieldValueConnection",
        "ProjectV2ItemFieldValue",
    ),
    ("PullRequestChangedFileConnection", "PullRequestChangedFile"),
    ("PullRequestCommitConnection", "PullRequestCommit"),
    ("PullRequestConnection", "PullRequest"),
    ("PullRequestReviewConnection", "PullRequestReview"),
    ("ReactorConnection", "User"),
    ("RefConnection", "Ref"),
    ("RepositoryConnection", "Repository"),
    ("RepositoryTopicConnection", "RepositoryTopic"),
    ("ReviewRequestConnection", "ReviewRequest"),
    ("SearchResultItemConnection", "SearchResultItem"),
    (
        "StatusCheckRollupContextConnection",
        "StatusCheckRollupContext",
    ),
    ("TeamConnection", "Team"),
    ("UserConnection", "User"),
];

/// Leaf types: nothing can be selected below them.
const LEAVES: &[&str] = &[
    "ID",
    "Int",
    "String",
    "Boolean",
    "Date",
    "DateTime",
    "Float",
    "URI",
    "BigInt",
    "GitObjectID",
    "IssueState",
    "IssueStateReason",
    "LockReason",
    "PullRequestState",
    "MergeableState",
    "MergeStateStatus",
    "PullRequestReviewDecision",
    "PullRequestReviewState",
    "StatusState",
    "MilestoneState",
    "RepositoryPermission",
    "RepositoryVisibility",
];

/// The types by name.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    fields: BTreeMap<String, BTreeMap<String, String>>,
    members: BTreeMap<String, Vec<String>>,
}

/// The schema, read once.
pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(Schema::read)
}

impl Schema {
    fn read() -> Self {
        let mut schema = Self::default();
        for line in TYPES.lines().filter(|line| !line.is_empty()) {
            let Some((name, rest)) = line.split_once(": ") else {
                continue;
            };
            match name.strip_prefix("| ") {
                Some(name) => {
                    schema.members.insert(
                        name.to_owned(),
                        rest.split(' ').map(str::to_owned).collect(),
                    );
                }
                None => {
                    let fields = rest.split(' ').filter_map(|pair| pair.split_once('='));
                    schema.fields.insert(
                        name.to_owned(),
                        fields
                            .map(|(field, kind)| (field.to_owned(), kind.to_owned()))
                            .collect(),
                    );
                }
            }
        }
        for &(name, item) in CONNECTIONS {
            let edge = format!("{}Edge", name.trim_end_matches("Connection"));
            let mut fields: BTreeMap<String, String> = [
                ("nodes", item),
                ("edges", edge.as_str()),
                ("pageInfo", "PageInfo"),
                ("totalCount", "Int"),
            ]
            .iter()
            .map(|(field, kind)| ((*field).to_owned(), (*kind).to_owned()))
            .collect();
            let extra: &[(&str, &str)] = match name {
                "SearchResultItemConnection" => {
                    &[("issueCount", "Int"), ("repositoryCount", "Int")]
                }
                "StatusCheckRollupContextConnection" => &[
                    ("checkRunCount", "Int"),
                    ("statusContextCount", "Int"),
                    ("checkRunCountsByState", "StateCount"),
                    ("statusContextCountsByState", "StateCount"),
                ],
                _ => &[],
            };
            fields.extend(
                extra
                    .iter()
                    .map(|(field, kind)| ((*field).to_owned(), (*kind).to_owned())),
            );
            schema.fields.insert(name.to_owned(), fields);
            schema.fields.insert(
                edge,
                [
                    ("node".to_owned(), item.to_owned()),
                    ("cursor".to_owned(), "String".to_owned()),
                ]
                .into_iter()
                .collect(),
            );
        }
        schema
    }

    pub(crate) fn fields(&self, kind: &str) -> Option<&BTreeMap<String, String>> {
        self.fields.get(kind)
    }

    /// Whether an object of this type answers a fragment on `condition`.
    pub(crate) fn is(&self, kind: &str, condition: &str) -> bool {
        kind == condition
            || self
                .members
                .get(condition)
                .is_some_and(|members| members.iter().any(|member| member == kind))
    }

    pub(crate) fn is_leaf(kind: &str) -> bool {
        LEAVES.contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use super::{Schema, schema};

    #[test]
    fn every_field_leads_to_a_known_type() {
        let schema = schema();
        for (kind, fields) in &schema.fields {
            for (field, target) in fields {
                assert!(
                    schema.fields(target).is_some() || Schema::is_leaf(target),
                    "{kind}.{field} leads to {target}"
                );
            }
        }
        for (kind, members) in &schema.members {
            assert!(schema.fields(kind).is_some(), "{kind}");
            assert!(
                members.iter().all(|member| schema.fields(member).is_some()),
                "{kind}"
            );
        }
        assert!(Schema::is_leaf("ID") && !Schema::is_leaf("Issue"));
    }
}
