//! Imports and exports of whole folders.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use rejoin_document::{Document, LoadOptions};
use rejoin_folder::export::{ExportError, ExportFormat, ExportOptions, ExportReport, export};
use rejoin_folder::import::{ImportOptions, ImportReport, import};
use rejoin_notes::folder;
use rejoin_notes::note::Note;
use rejoin_repo::{AutomergeUrl, DocumentHandle, Repo};
use rejoin_storage::MemoryStore;

struct Scene {
    repo: Repo,
    home: DocumentHandle,
    scratch: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let repo = Repo::builder(Box::new(MemoryStore::new())).build().unwrap();
        let home = repo.create();
        home.change(None, |tx| folder::create(tx, "Home")).unwrap().unwrap();
        Self { repo, home, scratch: tempfile::tempdir().unwrap() }
    }

    fn save(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.scratch.path().join("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn import(&self) -> ImportReport {
        let options = ImportOptions {
            repo: self.repo.clone(),
            folder: self.home.id().clone(),
            directory: self.scratch.path().join("in"),
        };
        import(&options, |_| ()).unwrap()
    }

    async fn export(&self, name: &str, format: ExportFormat) -> Result<ExportReport, ExportError> {
        let options = ExportOptions {
            repo: self.repo.clone(),
            folder: self.home.id().clone(),
            trash: None,
            directory: self.scratch.path().join(name),
            format,
        };
        let mut last = None;
        let report = export(options, |progress| last = Some(progress)).await;
        if let Ok(report) = &report {
            assert_eq!(last.unwrap().done, report.notes + report.missing.len());
        }
        report
    }

    fn text(&self, report: &ImportReport, title: &str) -> String {
        let texts = report.notes.iter().map(|id| {
            self.repo
                .open(id)
                .read(|document| Note::find(&document.view()).unwrap().text(&document.view()))
                .unwrap()
        });
        let mut found = texts.filter(|text| text.contains(title));
        found.next().unwrap_or_else(|| panic!("no note says {title}"))
    }
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn what_is_imported_reads_as_before_and_its_links_lead_to_notes() {
    let scene = Scene::new();
    let plan = "---\ntags: [x]\n---\n# The plan\n[trip](../Trip.md#day) and [[Trip]], [[Nobody]]\n\
        [web](https://a.md) ![p](p.png) [gone](gone.md) `[[Trip]]`\n";
    scene.save("Work/Plan.md", plan);
    scene.save("Trip.md", "# Journey\n[[Plan|the plan]] [p](Work/Plan.md)\n");
    scene.save("plain.md", "no heading, [[plain]]\n");
    scene.save("p.png", [0xff, 0xd8]);
    scene.save("odd.md", [0xff, 0xfe]);
    scene.save(".hidden.md", "x");
    let report = scene.import();
    assert_eq!((report.notes.len(), report.folders, report.others), (3, 1, 1));
    assert_eq!(report.left_alone.len(), 1);
    assert_eq!(report.links, 4);
    assert_eq!(report.broken.len(), 1, "{:?}", report.broken);
    assert_eq!(report.broken[0].1, "gone.md");
    let text = scene.text(&report, "# The plan");
    assert!(text.starts_with("---\ntags: [x]\n---\n# The plan\n[trip](automerge:"), "{text}");
    assert!(text.contains("#day) and [[Journey|Trip]], [[Nobody]]\n"), "{text}");
    assert!(text.ends_with("![p](p.png) [gone](gone.md) `[[Trip]]`\n"), "{text}");
    let link = text.split("](").nth(1).unwrap().split('#').next().unwrap();
    let link: AutomergeUrl = link.parse().unwrap();
    assert!(report.notes.contains(&link.document));
    assert!(scene.text(&report, "# Journey").contains("[[The plan|the plan]] [p](automerge:"));
    assert_eq!(scene.text(&report, "no heading"), "no heading, [[plain]]\n");
}

#[tokio::test]
async fn what_is_exported_can_be_followed_from_file_to_file_and_comes_back_the_same() {
    let scene = Scene::new();
    scene.save("Work/My plan.md", "# My plan\n[trip](../Trip.md#day) [[Trip]]\n");
    scene.save("Trip.md", "# Trip\n[[My plan]] [p](Work/My%20plan.md)\n");
    scene.save("Work/Trip.md", "# Trip\nanother\n");
    scene.import();
    let report = scene.export("out", ExportFormat::Markdown).await.unwrap();
    assert_eq!((report.notes, report.folders, report.missing.len()), (3, 1, 0));
    let out = scene.scratch.path().join("out");
    assert_eq!(read(&out, "Trip.md"), "# Trip\n[[My plan]] [p](Work/My%20plan.md)\n");
    let plan = read(&out, "Work/My plan.md");
    // Two notes are called so, therefore it was made a link to one of them.
    assert_eq!(plan, "# My plan\n[trip](../Trip.md#day) [Trip](../Trip.md)\n");
    assert_eq!(read(&out, "Work/Trip.md"), "# Trip\nanother\n");
    let again = scene.export("out", ExportFormat::Markdown).await;
    assert!(matches!(again, Err(ExportError::NotEmpty(_))), "{again:?}");
}

#[tokio::test]
async fn documents_are_exported_with_their_history() {
    let scene = Scene::new();
    scene.save("Trip.md", "# Trip\n");
    let note = scene.repo.open(&scene.import().notes[0]);
    note.change(Some("more"), |tx| {
        let content = Note::find(&tx.view()).unwrap().content;
        tx.splice_text(content, 7, 0, "pack\n", rejoin_document::TextUnit::Utf16)
    })
    .unwrap()
    .unwrap();
    let report = scene.export("out", ExportFormat::Automerge).await.unwrap();
    assert_eq!(report.notes, 1);
    let bytes = fs::read(scene.scratch.path().join("out/Trip.automerge")).unwrap();
    let document = Document::load(&bytes, LoadOptions::default()).unwrap();
    let expected = note.read(|document| document.heads().to_vec()).unwrap();
    assert_eq!(document.heads(), expected);
    assert_eq!(document.change_count(), 3);
}

#[tokio::test]
async fn only_a_folder_is_exported() {
    let scene = Scene::new();
    let note = scene.repo.create();
    note.change(None, |tx| Note::create(tx, "x").map(drop)).unwrap().unwrap();
    let scene = Scene { home: note, ..scene };
    let refused = scene.export("out", ExportFormat::Markdown).await;
    assert!(matches!(refused, Err(ExportError::NotAFolder)), "{refused:?}");
}
