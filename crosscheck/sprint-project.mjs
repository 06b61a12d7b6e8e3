// The project that the issues of the sprint are in, as people see and change it: over GraphQL, with
// `@octokit`'s own client for it.

import { PLAN, PROJECT, PROJECTED } from "./sprint-world.mjs";

const READ = `query($owner: String!, $number: Int!, $after: String) {
  organization(login: $owner) { projectV2(number: $number) {
    id
    fields(first: 50) { nodes {
      __typename
      ... on ProjectV2FieldCommon { id name }
      ... on ProjectV2SingleSelectField { options { id name } }
      ... on ProjectV2IterationField { configuration { iterations { id title } completedIterations { id title } } }
    } }
    items(first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id isArchived
        content { __typename ... on Issue { number repository { nameWithOwner } } }
        fieldValues(first: 50) { nodes {
          __typename
          ... on ProjectV2ItemFieldTextValue { text field { ... on ProjectV2FieldCommon { name } } }
          ... on ProjectV2ItemFieldNumberValue { number field { ... on ProjectV2FieldCommon { name } } }
          ... on ProjectV2ItemFieldDateValue { date field { ... on ProjectV2FieldCommon { name } } }
          ... on ProjectV2ItemFieldSingleSelectValue { name field { ... on ProjectV2FieldCommon { name } } }
          ... on ProjectV2ItemFieldIterationValue { title field { ... on ProjectV2FieldCommon { name } } }
        } }
      }
    }
  } }
}`;
const ADD = `mutation($project: ID!, $content: ID!) {
  addProjectV2ItemById(input: { projectId: $project, contentId: $content }) { item { id } } }`;
const SET = `mutation($project: ID!, $item: ID!, $field: ID!, $value: ProjectV2FieldValue!) {
  updateProjectV2ItemFieldValue(input: { projectId: $project, itemId: $item, fieldId: $field, value: $value }) { projectV2Item { id } } }`;
const CLEAR = `mutation($project: ID!, $item: ID!, $field: ID!) {
  clearProjectV2ItemFieldValue(input: { projectId: $project, itemId: $item, fieldId: $field }) { projectV2Item { id } } }`;
const on = (mutation) => `mutation($project: ID!, $item: ID!) {
  ${mutation}(input: { projectId: $project, itemId: $item }) { clientMutationId } }`;

export class Project {
  // All items of issues by `repository#number`: {id, archived, page, board, iteration, …}, values as text.
  async items(octokit) {
    const found = new Map();
    let after = null;
    for (;;) {
      const answer = await octokit.graphql(READ, { ...PLAN, after });
      const plan = answer.organization.projectV2;
      this.id = plan.id;
      this.fields = new Map(plan.fields.nodes.filter((one) => one.name).map((one) => [one.name, one]));
      for (const item of plan.items.nodes) {
        if (item.content?.__typename !== "Issue") continue;
        const said = new Map(item.fieldValues.nodes.filter((one) => one.field?.name).map((one) => (
          [one.field.name, String(one.name ?? one.title ?? one.text ?? one.date ?? one.number)])));
        found.set(`${item.content.repository.nameWithOwner}#${item.content.number}`, {
          id: item.id, archived: item.isArchived, page: said.get(PLAN.page) ?? "",
          ...Object.fromEntries(PROJECTED.map((name) => [name, said.get(PROJECT[name].field) ?? ""])),
        });
      }
      if (!plan.items.pageInfo.hasNextPage) return found;
      after = plan.items.pageInfo.endCursor;
    }
  }

  // Puts an issue into the project; answers the item that it has from then on.
  async add(octokit, content) {
    return (await octokit.graphql(ADD, { project: this.id, content })).addProjectV2ItemById.item.id;
  }

  // Sets a field of an item; the empty text clears it.
  async set(octokit, item, name, text) {
    const field = this.fields.get(PROJECT[name].field);
    const place = { project: this.id, item, field: field.id };
    if (text === "") return octokit.graphql(CLEAR, place);
    const { configuration } = field;
    const named = (list, key) => list.find((one) => one[key] === text).id;
    const value = {
      single_select: () => ({ singleSelectOptionId: named(field.options, "name") }),
      iteration: () => ({ iterationId: named([...configuration.iterations, ...configuration.completedIterations], "title") }),
      number: () => ({ number: Number(text) }),
      date: () => ({ date: text }),
      text: () => ({ text }),
    }[PROJECT[name].kind]();
    return octokit.graphql(SET, { ...place, value });
  }

  // `deleteProjectV2Item`, `archiveProjectV2Item` or `unarchiveProjectV2Item`.
  async move(octokit, mutation, item) {
    return octokit.graphql(on(mutation), { project: this.id, item });
  }
}
