//! Pages and files.

use notion_sync_core::document::front_matter::{FrontMatter, Value as Front};
use notion_sync_core::document::{Block, Document};
use notion_sync_core::mapping::{Deliver, FileMarker, Policy};
use notion_sync_core::record::Life;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;

use super::world::{World, body, documents, plain, rewrite};

pub(in crate::engine) const FILE: &str = "---\n# ours\nowner: Ada\nlayout: page\n---\n# Guide\n\nFirst line.\n\n* item\n\nSecond line.\n";

/// A world with one pair that is at rest.
pub(in crate::engine) fn paired(policy: Policy) -> (World, String) {
    let world = World::new(documents(policy));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    let pages = world.pages.live();
    assert_eq!(pages.len(), 1);
    (world, pages[0].clone())
}

/// The page that follows a deleted file into the trash was not trashed by a person: when the file comes back
/// before the next look, so does the page, and nobody is asked to delete the file again.
#[test]
fn a_file_that_comes_back_before_the_next_look_brings_its_page_back() {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    world.settle();
    world.pass(10);
    world.repo.put("docs/a.md", None);
    world.poll();
    assert!(world.pages.live().is_empty());
    world.pass(40);
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    world.settle();
    assert_eq!(world.pages.live().len(), 1);
    assert!(world.repo.pulls("open").is_empty());
    assert_eq!(world.live(), 1);
    world.pass(60);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_file_becomes_a_page_and_stays_as_it_is() {
    let (world, page) = paired(Policy::ManualReview);
    assert_eq!(world.pages.field(&page, "title"), Value::text("Guide"));
    assert_eq!(world.pages.field(&page, "owner"), Value::text("Ada"));
    assert_eq!(
        plain(&world.pages.body(&page)),
        ["First line.", "item", "Second line."]
    );
    assert_eq!(world.repo.file("docs/guide.md").as_deref(), Some(FILE));
    assert_eq!(world.live(), 1);
    world.pass(10);
    assert_eq!(world.settle(), 0, "a second run writes nothing");
}

#[test]
fn an_element_of_html_is_edited_on_both_sides() {
    const FILE: &str = "# Guide\n\n<Listing number=\"1\">\n\nFirst line.\n\n</Listing>\n\nEnd.\n";
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    let page = world.pages.live()[0].clone();
    let says = || {
        let body = world.pages.body(&page);
        let text = |block: &Block| block.to_plain().trim_end().to_owned();
        body.blocks.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(says(), ["<Listing number=\"1\">\nFirst line.", "End."]);
    world.pass(10);
    assert_eq!(world.settle(), 0);
    let file = FILE.replace("First", "The first").replace("\"1\"", "\"2\"");
    world.repo.put("docs/guide.md", Some(&file));
    world.settle();
    assert_eq!(says(), ["<Listing number=\"2\">\nThe first line.", "End."]);
    world.pass(10);
    world.pages.edit_body(&page, |body| {
        body.blocks[0]
            .children
            .push(Block::paragraph("Second line."));
    });
    world.settle();
    let wanted =
        "<Listing number=\"2\">\n\nThe first line.\n\nSecond line.\n\n</Listing>\n\nEnd.\n";
    let file = world.repo.file("docs/guide.md").unwrap();
    assert!(file.ends_with(wanted), "{file}");
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn an_edit_in_notion_changes_only_its_lines() {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world.pages.edit_body(&page, |body| {
        rewrite(body, "Second line.", "Second line, edited.")
    });
    world.settle();
    let file = world.repo.file("docs/guide.md").unwrap();
    let before: Vec<&str> = FILE.lines().collect();
    let changed: Vec<&str> = file.lines().filter(|line| !before.contains(line)).collect();
    assert!(changed.contains(&"Second line, edited."), "{file}");
    let marks = ["notion_page_id", "notion_revision", "Second line, edited."];
    assert!(
        changed
            .iter()
            .all(|line| marks.iter().any(|mark| line.starts_with(mark))),
        "{changed:?}"
    );
    assert!(file.contains("* item") && file.contains("# ours"));
    assert_eq!(world.repo.commits().len(), 1);
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_text_that_only_begins_like_a_date_is_written_as_text() {
    let (world, page) = paired(Policy::ManualReview);
    for value in [
        "2026-01-01\n",
        "2026-01-01 10:00:00Z",
        " 2026-01-01",
        "2026-01-01",
    ] {
        world.pass(10);
        world.pages.set(&page, "owner", Value::text(value));
        world.settle();
        let file = world.repo.file("docs/guide.md").unwrap();
        let front = FrontMatter::read(&file).unwrap().unwrap();
        assert_eq!(
            front.get("owner"),
            Some(Front::Text(value.to_owned())),
            "{file}"
        );
    }
}

#[test]
fn an_edit_of_the_file_reaches_the_page() {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world.repo.put(
        "docs/guide.md",
        Some(
            &FILE
                .replace("First line.", "First, edited.")
                .replace("Ada", "Bob"),
        ),
    );
    world.settle();
    assert_eq!(plain(&world.pages.body(&page))[0], "First, edited.");
    assert_eq!(world.pages.field(&page, "owner"), Value::text("Bob"));
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn edits_of_different_blocks_merge() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        let (world, page) = paired(policy);
        world.pass(10);
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "Second line.", "N"));
        world
            .repo
            .put("docs/guide.md", Some(&FILE.replace("First line.", "G")));
        world.settle();
        assert_eq!(plain(&world.pages.body(&page)), ["G", "item", "N"]);
        let file = world.repo.file("docs/guide.md").unwrap();
        assert!(file.contains("\nG\n") && file.contains("\nN\n"), "{file}");
        assert_eq!(world.conflicts(), 0);
        world.pass(10);
        assert_eq!(world.settle(), 0);
    }
}

#[test]
fn a_page_without_a_file_is_proposed_and_paired_where_it_was_merged() {
    let world = World::new(documents(Policy::ManualReview));
    let page = world.pages.create("Road map", body(&["One", "Two"]));
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 1);
    assert!(world.repo.paths().is_empty());
    world.repo.merge(pulls[0]);
    world.pass(5);
    world.settle();
    assert_eq!(world.repo.paths(), ["docs/road-map.md"]);
    assert_eq!(world.live(), 1);
    assert_eq!(world.pages.live(), std::slice::from_ref(&page));
    world.pass(10);
    assert_eq!(world.settle(), 0);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Two", "Two!"));
    world.settle();
    assert!(
        world
            .repo
            .file("docs/road-map.md")
            .unwrap()
            .contains("Two!"),
        "{}\n{:#?}",
        world.repo.file("docs/road-map.md").unwrap(),
        world.records()
    );
}

/// Opening the pull request had no answer, and people merge it before we know that it is there.
#[test]
fn a_file_that_is_merged_before_its_proposal_was_heard_of_is_its_pages() {
    let mut mapping = documents(Policy::ManualReview);
    mapping.file_marker = FileMarker::None;
    let world = World::new(mapping);
    let page = world.pages.create("Road map", body(&["One", "Two"]));
    world.repo.fail([ModelFault::LostAfter]);
    world.poll();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 1);
    world.repo.merge(pulls[0]);
    world.settle();
    world.pass(10);
    world.settle();
    assert_eq!(world.pages.live(), [page]);
    assert_eq!((world.live(), world.conflicts()), (1, 0));
    assert!(world.repo.pulls("open").is_empty());
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

/// Nothing in a file without marks says whose it is once it is not where it was proposed.
#[test]
fn a_file_that_moves_right_after_it_was_merged_is_its_pages() {
    for (edited, pages) in [(false, 1), (true, 2)] {
        let mut mapping = documents(Policy::ManualReview);
        mapping.file_marker = FileMarker::None;
        let world = World::new(mapping);
        let page = world.pages.create("Road map", body(&["One", "Two"]));
        world.settle();
        world.repo.merge(world.repo.pulls("open")[0]);
        world.repo.rename("docs/road-map.md", "docs/plans.md");
        if edited {
            // Something else by now, as far as anybody can tell.
            let text = world.repo.file("docs/plans.md").unwrap();
            let text = text.replace("Two", "Three");
            world.repo.put("docs/plans.md", Some(&text));
        }
        for _ in 0..3 {
            world.pass(10);
            world.settle();
        }
        assert_eq!(world.pages.live().len(), pages, "{:#?}", world.records());
        let told = world.records().into_iter().filter_map(|record| {
            let problem = record.problem.filter(|_| record.title == "Road map")?;
            Some(problem.message)
        });
        let told: Vec<String> = told.collect();
        assert_eq!(told.len(), pages - 1, "{told:?}");
        assert!(told.iter().all(|said| said.contains("docs/road-map.md")));
        assert!(world.pages.live().contains(&page));
        assert_eq!(world.repo.paths(), ["docs/plans.md"]);
        assert!(world.repo.pulls("open").is_empty());
        world.pass(10);
        assert_eq!(world.settle(), 0);
        if !edited {
            let edit = |body: &mut Document| rewrite(body, "Two", "Two!");
            world.pages.edit_body(&page, edit);
            world.settle();
            assert!(world.repo.file("docs/plans.md").unwrap().contains("Two!"));
        }
    }
}

#[test]
fn a_refused_file_is_not_proposed_again() {
    let world = World::new(documents(Policy::ManualReview));
    world.pages.create("Road map", body(&["One"]));
    world.settle();
    world.repo.close_pull(world.repo.pulls("open")[0]);
    for _ in 0..3 {
        world.pass(30);
        world.settle();
    }
    assert!(world.repo.pulls("open").is_empty());
}

#[test]
fn edits_by_pull_request_move_the_base_when_merged() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.mapping.deliver = Deliver::PullRequest;
    world.restart();
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    let page = world.pages.live()[0].clone();
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "N1"));
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 1);
    assert!(world.repo.commits().is_empty());
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "N1", "N2"));
    world.pass(10);
    world.settle();
    assert_eq!(
        world.repo.pulls("open").len(),
        1,
        "the same pull request is refreshed"
    );
    world.repo.merge(world.repo.pulls("open")[0]);
    world.pass(10);
    world.settle();
    assert!(world.repo.file("docs/guide.md").unwrap().contains("N2"));
    world.pass(10);
    assert_eq!(world.settle(), 0);
    assert_eq!(
        world
            .pages
            .writes()
            .iter()
            .filter(|write| write.what == "update")
            .count(),
        0
    );
}

#[test]
fn a_trashed_page_proposes_to_delete_its_file() {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world.pages.trash(&page, true);
    world.sweep();
    world.settle();
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 1);
    assert!(world.repo.file("docs/guide.md").is_some());
    world.repo.merge(pulls[0]);
    world.pass(5);
    world.settle();
    assert!(world.repo.paths().is_empty());
    assert_eq!(world.records()[0].life, Life::Tombstone);
}

/// A page went to the trash while its file was only proposed, and the pull request was closed for that, by nobody's
/// decision. When it comes back it is as new as it was, and so is a file whose page was never made.
#[test]
fn what_comes_back_before_it_had_a_partner_gets_one() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        let world = World::new(documents(policy));
        let page = world.pages.create("Guide", body(&["one"]));
        world.settle();
        let first = world.repo.pulls("open");
        assert_eq!(first.len(), 1, "{policy:?}");
        world.pass(10);
        world.pages.trash(&page, true);
        world.sweep();
        world.settle();
        assert!(world.repo.pulls("open").is_empty(), "{policy:?}");
        assert_eq!(world.records()[0].life, Life::Tombstone, "{policy:?}");
        world.pass(30);
        world.pages.trash(&page, false);
        world.settle();
        let again = world.repo.pulls("open");
        assert_eq!(again.len(), 1, "{policy:?}: {:?}", world.records());
        assert_ne!(again, first, "{policy:?}");
        world.repo.merge(again[0]);
        world.pass(5);
        world.settle();
        assert_eq!(world.live(), 1, "{policy:?}");
        assert_eq!(world.records().len(), 1, "{policy:?}");
        world.pass(60);
        assert_eq!(world.settle(), 0, "{policy:?}");
    }
}

/// What a person refused stays refused, though the page was away meanwhile.
#[test]
fn what_was_refused_and_comes_back_stays_refused() {
    let world = World::new(documents(Policy::ManualReview));
    let page = world.pages.create("Guide", body(&["one"]));
    world.settle();
    world.repo.close_pull(world.repo.pulls("open")[0]);
    world.pass(5);
    world.settle();
    world.pages.trash(&page, true);
    world.sweep();
    world.settle();
    assert_eq!(world.records()[0].life, Life::Tombstone);
    world.pass(30);
    world.pages.trash(&page, false);
    world.settle();
    assert!(world.repo.pulls("open").is_empty());
    // Another version of it was refused by nobody.
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "one", "two"));
    world.settle();
    assert_eq!(world.repo.pulls("open").len(), 1);
}

#[test]
fn a_refused_deletion_brings_the_page_back() {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world.pages.trash(&page, true);
    world.sweep();
    world.settle();
    world.repo.close_pull(world.repo.pulls("open")[0]);
    world.pass(5);
    world.settle();
    assert_eq!(world.pages.live(), [page]);
    assert_eq!(world.live(), 1);
}

/// A deletion that a person took back, or that an edit of the file ended, was refused by nobody; and who
/// deletes a page again after it was refused means it. Each is another wish, and is proposed.
#[test]
fn a_page_can_be_deleted_again() {
    type End = fn(&World, &str, usize, u32);
    let ends: [(&str, End); 3] = [
        ("taken back", |world, page, _, _| {
            world.pages.trash(page, false);
        }),
        ("an edit", |world, _, time, _| {
            let text = FILE.replace("First", &format!("Edit {time}"));
            world.repo.put("docs/guide.md", Some(&text));
        }),
        ("refused", |world, _, _, pull| world.repo.close_pull(pull)),
    ];
    for (how, end) in ends {
        let (world, page) = paired(Policy::ManualReview);
        world.pass(10);
        for time in 0..3 {
            world.pages.trash(&page, true);
            world.sweep();
            world.settle();
            let pulls = world.repo.pulls("open");
            assert_eq!(pulls.len(), 1, "{how}: {:?}", world.records());
            end(&world, &page, time, pulls[0]);
            world.pass(20);
            world.settle();
            assert!(world.repo.pulls("open").is_empty(), "{how}");
            assert_eq!(world.pages.live(), std::slice::from_ref(&page), "{how}");
            assert_eq!(world.live(), 1, "{how}");
            world.pass(20);
        }
        world.pages.trash(&page, true);
        world.sweep();
        world.settle();
        world.repo.merge(world.repo.pulls("open")[0]);
        world.pass(5);
        world.settle();
        assert!(world.repo.paths().is_empty(), "{how}");
        assert_eq!(world.records()[0].life, Life::Tombstone, "{how}");
    }
}

#[test]
fn a_deleted_file_trashes_its_page_and_a_revert_restores_it() {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world.repo.put("docs/guide.md", None);
    world.settle();
    assert!(world.pages.live().is_empty());
    assert_eq!(world.records()[0].life, Life::Tombstone);
    world.pass(10);
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    assert_eq!(world.pages.live(), [page]);
    assert_eq!(world.live(), 1);
}

#[test]
fn what_is_not_found_is_not_deleted() {
    let (world, page) = paired(Policy::NotionWins);
    world.pass(10);
    world.pages.share(&page, false);
    for _ in 0..3 {
        world.sweep();
        world.pass(30);
    }
    assert!(world.repo.file("docs/guide.md").is_some());
    assert!(world.repo.pulls("open").is_empty());
    world.pages.share(&page, true);
    world.sweep();
    world.settle();
    assert_eq!(world.live(), 1);
}

#[test]
fn a_delete_against_an_edit_is_parked_or_undone() {
    let (world, page) = paired(Policy::ManualReview);
    world.pass(10);
    world.pages.trash(&page, true);
    world
        .repo
        .put("docs/guide.md", Some(&FILE.replace("First", "Edited")));
    world.sweep();
    world.settle();
    assert!(world.repo.pulls("open").is_empty() && world.pages.live().is_empty());

    let (world, page) = paired(Policy::NotionWins);
    world.pass(10);
    world.pages.trash(&page, true);
    world
        .repo
        .put("docs/guide.md", Some(&FILE.replace("First", "Edited")));
    world.sweep();
    world.settle();
    assert_eq!(
        world.pages.live(),
        std::slice::from_ref(&page),
        "an edit beats a deletion"
    );
    assert_eq!(plain(&world.pages.body(&page))[0], "Edited line.");
}

#[test]
fn equal_names_are_not_joined_by_themselves() {
    let world = World::new(documents(Policy::NotionWins));
    world.pages.create("Guide", body(&["Page"]));
    world.repo.put("docs/guide.md", Some("# Guide\n\nFile\n"));
    world.settle();
    assert_eq!(world.pages.live().len(), 1);
    assert_eq!(world.repo.paths().len(), 1);
    assert_eq!(world.live(), 0);
    assert!(world.repo.pulls("open").is_empty());
}

#[test]
fn a_first_sync_never_applies_a_wins_policy() {
    let mut world = World::new(documents(Policy::NotionWins));
    world.mapping.adopt_by_key = true;
    world.restart();
    world.pages.create("Guide", body(&["Page"]));
    world.repo.put("docs/guide.md", Some("# Guide\n\nFile\n"));
    world.settle();
    assert_eq!(world.live(), 1);
    assert!(world.conflicts() > 0);
    assert!(world.repo.file("docs/guide.md").unwrap().contains("File"));
}

#[test]
fn lost_answers_double_nothing() {
    for fault in [
        ModelFault::LostBefore,
        ModelFault::LostAfter,
        ModelFault::Refused,
    ] {
        let world = World::new(documents(Policy::ManualReview));
        world.repo.put("docs/guide.md", Some(FILE));
        world.pages.fail([fault, fault]);
        world.settle();
        let page = world.pages.live();
        assert_eq!(page.len(), 1, "{fault:?}");
        world.pass(10);
        world.repo.fail([fault]);
        world
            .pages
            .edit_body(&page[0], |body| rewrite(body, "First line.", "Edited"));
        world.settle();
        assert!(
            world.repo.file("docs/guide.md").unwrap().contains("Edited"),
            "{fault:?}"
        );
        world.pages.fail([fault]);
        let text = world
            .repo
            .file("docs/guide.md")
            .unwrap()
            .replace("Second line.", "G");
        world.repo.put("docs/guide.md", Some(&text));
        world.settle();
        assert_eq!(
            plain(&world.pages.body(&page[0])),
            ["Edited", "item", "G"],
            "{fault:?}"
        );
        assert_eq!(world.conflicts(), 0);
        world.pass(20);
        assert_eq!(world.settle(), 0);
    }
}

#[test]
fn broken_files_are_named_and_the_rest_goes_on() {
    let world = World::new(documents(Policy::ManualReview));
    world
        .repo
        .put("docs/bad.md", Some("---\na: [1\n---\n# Bad\n"));
    world.repo.put("docs/good.md", Some("# Good\n\nText\n"));
    let tick = world.poll();
    let incidents = &tick.mappings[0].incidents;
    assert!(
        incidents
            .iter()
            .any(|incident| incident.message.contains("GitHub:")),
        "{incidents:?}"
    );
    world.settle();
    assert_eq!(world.pages.live().len(), 1);
}

#[test]
fn an_anchor_before_the_title_stays_when_the_title_is_edited() {
    let world = World::new(documents(Policy::NotionWins));
    let file = "<a id=\"top\"></a>\n\n# Title\n\none\n";
    world.repo.put("docs/a.md", Some(file));
    world.settle();
    let page = world.pages.live()[0].clone();
    assert_eq!(world.pages.field(&page, "title"), Value::text("Title"));
    world.pass(10);
    world.pages.set(&page, "title", Value::text("Other"));
    world.settle();
    let text = world.repo.file("docs/a.md").unwrap();
    assert!(
        text.ends_with("<a id=\"top\"></a>\n\n# Other\n\none\n"),
        "{text}"
    );
}
