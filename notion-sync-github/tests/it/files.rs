//! Files: listing and reading.

use notion_sync_core::remote::Remote as _;
use notion_sync_core::snapshot::{Content, Presence, Proof};

use crate::support::*;

#[tokio::test]
async fn a_quiet_poll_is_one_conditional_request() {
    let world = World::new();
    let files = world.files();
    let first = list(&files, None, false).await;
    assert_eq!(
        places(&first).into_iter().collect::<Vec<_>>(),
        ["docs/a.md", "docs/b.md", "docs/deep/c.md"]
    );
    assert!(
        first
            .items
            .iter()
            .all(|item| item.content == Content::NotRead)
    );
    assert!(
        first
            .items
            .iter()
            .all(|item| item.revision.grain_seconds == 0)
    );
    assert_eq!(first.items[0].revision.token, blob("alpha\n"));
    let mut cursor = first.cursor;
    for _ in 0..3 {
        let mark = world.mark();
        let quiet = list(&files, Some(cursor.clone()), false).await;
        assert!(quiet.items.is_empty() && quiet.gone.is_empty());
        assert_eq!(
            world.asked(mark),
            ["GET /repositories/100/git/ref/heads/main 304"]
        );
        cursor = quiet.cursor;
    }
    // A new process has only the cursor.
    let mark = world.mark();
    list(&world.files(), Some(cursor), false).await;
    let asked = world.asked(mark);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].ends_with("304"), "{asked:?}");
}

#[tokio::test]
async fn a_listing_continues_from_its_commit() {
    let world = World::new();
    let files = world.files();
    let cursor = list(&files, None, false).await.cursor;
    world.tick();
    world.commit(&[
        ("docs/a.md", Some("alpha 2\n")),
        ("other.md", Some("outside\n")),
        ("docs/pic.png", Some("x")),
    ]);
    world.commit(&[("docs/new.md", Some("new\n")), ("docs/b.md", None)]);
    let head = world.commit(&[("docs/deep/c.md", None), ("docs/moved.md", Some("gamma\n"))]);
    let listing = list(&files, Some(cursor), false).await;
    let seen: Vec<(&str, &str)> = listing
        .items
        .iter()
        .map(|item| (item.place.as_deref().unwrap(), body(item)))
        .collect();
    assert_eq!(
        seen,
        [
            ("docs/a.md", "alpha 2\n"),
            ("docs/moved.md", "gamma\n"),
            ("docs/new.md", "new\n")
        ]
    );
    assert_eq!(
        listing.gone,
        [(file("docs/b.md"), Proof::AbsentInDescendant)]
    );
    assert_eq!(listing.items[1].previous, Some(file("docs/deep/c.md")));
    assert_eq!(listing.items[0].bookkeeping["commit"], head);
    assert_eq!(listing.items[0].revision.token, blob("alpha 2\n"));
    let next = list(&files, Some(listing.cursor), false).await;
    assert!(next.items.is_empty() && next.gone.is_empty());
}

#[tokio::test]
async fn a_file_that_leaves_the_folder_says_where_it_went() {
    let world = World::new();
    let files = world.files();
    let cursor = list(&files, None, false).await.cursor;
    world.commit(&[("docs/a.md", None), ("archive/a.md", Some("alpha\n"))]);
    let listing = list(&files, Some(cursor), false).await;
    assert_eq!(listing.items.len(), 1);
    assert_eq!(listing.items[0].object, file("docs/a.md"));
    assert_eq!(
        listing.items[0].presence,
        Presence::MovedOut("archive/a.md".to_owned())
    );
    assert!(listing.gone.is_empty());
}

/// What moved and was edited is one file to both kinds of listings from one cursor: what one takes for new, the other
/// must not call moved.
#[tokio::test]
async fn a_listing_of_everything_calls_moved_what_one_of_changes_does() {
    let world = World::new();
    let files = world.files();
    let long: String = (0..40).map(|line| format!("Line {line}.\n")).collect();
    world.commit(&[("docs/long.md", Some(&long)), ("docs/far.md", Some(&long))]);
    let cursor = list(&files, None, false).await.cursor;
    let edited = long.replace("Line 7.", "Line seven.");
    let other = long.replace("Line 9.", "Line nine.");
    world.commit(&[
        ("docs/long.md", None),
        ("docs/moved.md", Some(&edited)),
        ("docs/far.md", None),
        ("archive/far.md", Some(&other)),
    ]);
    let mut told = Vec::new();
    for full in [false, true] {
        let listing = list(&files, Some(cursor.clone()), full).await;
        let item = |object| listing.items.iter().find(|item| item.object == object);
        let moved = item(file("docs/moved.md")).unwrap();
        assert_eq!(moved.previous, Some(file("docs/long.md")), "full: {full}");
        let far = item(file("docs/far.md")).unwrap();
        told.push((far.presence.clone(), listing.gone.clone()));
    }
    let out = Presence::MovedOut("archive/far.md".to_owned());
    assert_eq!(told, [(out.clone(), Vec::new()), (out, Vec::new())]);
}

#[tokio::test]
async fn many_changes_are_told_from_trees() {
    let world = World::new();
    let files = world.files();
    let cursor = list(&files, None, false).await.cursor;
    let paths: Vec<String> = (0..450).map(|n| format!("docs/many/{n:03}.md")).collect();
    let texts: Vec<String> = (0..450).map(|n| format!("text {n}\n")).collect();
    let mut edits: Vec<(&str, Option<&str>)> = paths
        .iter()
        .zip(&texts)
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    edits.push(("docs/a.md", None));
    edits.push(("docs/b.md", None));
    edits.push(("docs/bb.md", Some("beta\n")));
    world.commit(&edits);
    let mark = world.mark();
    let listing = list(&files, Some(cursor), false).await;
    assert_eq!(listing.items.len(), 451);
    assert_eq!(
        listing.gone,
        [(file("docs/a.md"), Proof::AbsentInDescendant)]
    );
    let moved = listing
        .items
        .iter()
        .find(|item| item.place.as_deref() == Some("docs/bb.md"))
        .unwrap();
    assert_eq!(moved.previous, Some(file("docs/b.md")));
    assert!(world.asked(mark).len() <= 5, "{:?}", world.asked(mark));
}

#[tokio::test]
async fn a_cut_tree_is_walked() {
    let mut seed = handbook();
    seed.settings.tree_entries = 4;
    let world = World::of(seed);
    let files = world.files();
    let listing = list(&files, None, true).await;
    assert_eq!(places(&listing).len(), 3, "{:?}", places(&listing));
    let ack = one(
        &files,
        write("o1", edit_file("docs/deep/c.md", "gamma\n", "gamma 2\n")),
    )
    .await
    .unwrap();
    assert_eq!(ack.snapshot.unwrap().revision.token, blob("gamma 2\n"));
    assert_eq!(world.file("README.md").as_deref(), Some("# Handbook\n"));
}

#[tokio::test]
async fn a_force_push_proves_no_absence() {
    let world = World::new();
    let files = world.files();
    let first = world.hub().branches(REPO).unwrap()["main"].to_string();
    world.tick();
    world.commit(&[("docs/late.md", Some("late\n"))]);
    let cursor = list(&files, None, false).await.cursor;
    let now = world.now();
    world
        .hub()
        .reset_branch(REPO, "main", &first, "ada", now)
        .unwrap();
    world.commit(&[("docs/a.md", Some("rewritten\n"))]);
    let listing = list(&files, Some(cursor), false).await;
    assert!(listing.gone.is_empty());
    let late = listing
        .items
        .iter()
        .find(|item| item.object == file("docs/late.md"))
        .unwrap();
    assert_eq!(late.presence, Presence::Missing);
    let present = listing
        .items
        .iter()
        .filter(|item| item.presence == Presence::Present)
        .count();
    assert_eq!(present, 3, "everything is listed again");
}

#[tokio::test]
async fn a_full_listing_names_everything_and_what_went() {
    let world = World::new();
    let files = world.files();
    let cursor = list(&files, None, false).await.cursor;
    world.commit(&[("docs/a.md", None)]);
    let listing = list(&files, Some(cursor), true).await;
    assert_eq!(places(&listing).len(), 2);
    assert_eq!(
        listing.gone,
        [(file("docs/a.md"), Proof::AbsentInDescendant)]
    );
}

#[tokio::test]
async fn reads_what_is_there_and_says_what_cannot_be_used() {
    let world = World::new();
    let files = world.files();
    let snapshot = files.read(&file("docs/a.md"), true).await.unwrap();
    assert_eq!(body(&snapshot), "alpha\n");
    assert_eq!(snapshot.revision.token, blob("alpha\n"));
    assert_eq!(snapshot.place.as_deref(), Some("docs/a.md"));
    let bare = files.read(&file("docs/a.md"), false).await.unwrap();
    assert_eq!(bare.content, Content::NotRead);
    for absent in ["docs/none.md", "docs/deep", "docs/a.md/x.md"] {
        let snapshot = files.read(&file(absent), true).await.unwrap();
        assert_eq!(snapshot.presence, Presence::Missing, "{absent}");
    }
    let now = world.now();
    let bytes = b"fine until \xff here";
    world
        .hub()
        .commit_bytes(REPO, "main", "ada", "odd", "docs/odd.md", bytes, now)
        .unwrap();
    let snapshot = files.read(&file("docs/odd.md"), true).await.unwrap();
    assert_eq!(
        snapshot.content,
        Content::Unusable("the file is not UTF-8 from byte 11 on".to_owned())
    );
    let small = world.files_of(REPO, |settings| settings.max_file_bytes = 5);
    let snapshot = small.read(&file("docs/a.md"), true).await.unwrap();
    assert_eq!(
        snapshot.content,
        Content::Unusable("the file has 6 bytes, the limit is 5".to_owned())
    );
}

/// The mapping was pointed to another branch or repository: what it knew is not there, and not deleted.
#[tokio::test]
async fn what_lies_in_another_branch_or_repository_has_moved_out() {
    let world = World::new();
    let files = world.files();
    for (id, branch, place) in [
        (REPO_ID, "old", "docs/a.md on the branch old"),
        (999, "main", "docs/a.md in the repository with the id 999"),
    ] {
        let foreign = notion_sync_github::reference::file(id, branch, "docs/a.md");
        let mark = world.mark();
        let snapshot = files.read(&foreign, true).await.unwrap();
        assert_eq!(snapshot.presence, Presence::MovedOut(place.to_owned()));
        assert_eq!(snapshot.place.as_deref(), Some("docs/a.md"));
        assert!(world.asked(mark).len() <= 1, "only for the repository");
    }
    let foreign = notion_sync_github::reference::pull(999, 1);
    let snapshot = files.read(&foreign, false).await.unwrap();
    let place = Presence::MovedOut("the repository with the id 999".to_owned());
    assert_eq!(snapshot.presence, place);
}

#[tokio::test]
async fn large_files_are_listed_without_being_fetched() {
    let world = World::new();
    let files = world.files();
    let cursor = list(&files, None, false).await.cursor;
    let large = "x".repeat(1_100_000);
    world.commit(&[
        ("docs/large.md", Some(large.as_str())),
        ("docs/a.md", Some("small\n")),
    ]);
    let mark = world.mark();
    let listing = list(&files, Some(cursor), false).await;
    let item = &listing.items[1];
    assert_eq!(
        item.content,
        Content::Unusable("the file has 1100000 bytes, the limit is 1048576".to_owned())
    );
    let blobs = world
        .asked(mark)
        .iter()
        .filter(|line| line.contains("/git/blobs/"))
        .count();
    assert_eq!(blobs, 1, "only the small one");
}
