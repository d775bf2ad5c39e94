//! Change sets against a plain model of text.

use proptest::prelude::*;

use super::*;

/// The naive model: the old text unit by unit, and for each gap what is inserted there.
#[derive(Debug, Clone)]
struct Model {
    survives: Vec<bool>,
    gaps: Vec<String>,
}

impl Model {
    fn of(changes: &ChangeSet) -> Self {
        let mut model = Self { survives: Vec::new(), gaps: vec![String::new()] };
        for section in changes.sections() {
            let (length, survives) = match section {
                Section::Keep(length) => (*length, true),
                Section::Replace { deleted, inserted } => {
                    model.gaps.last_mut().unwrap().push_str(inserted);
                    (*deleted, false)
                }
            };
            for _ in 0..length {
                model.survives.push(survives);
                model.gaps.push(String::new());
            }
        }
        model
    }

    /// The text that both changes make together, `first`'s text before `second`'s in each gap.
    fn merged(first: &Self, second: &Self, text: &str) -> String {
        let mut result = String::new();
        for (gap, unit) in text.chars().map(Some).chain([None]).enumerate() {
            result.push_str(&first.gaps[gap]);
            result.push_str(&second.gaps[gap]);
            if let Some(unit) = unit
                && first.survives[gap]
                && second.survives[gap]
            {
                result.push(unit);
            }
        }
        result
    }
}

/// A text of units one wide, so that the model can count characters.
fn narrow_text() -> impl Strategy<Value = String> {
    "[a-e\n]{0,12}"
}

fn wide_text() -> impl Strategy<Value = String> {
    "[ab ü€😀\n]{0,12}"
}

fn change_of(length: usize) -> impl Strategy<Value = ChangeSet> {
    let section = prop_oneof![
        (0..4usize).prop_map(Section::Keep),
        (0..4usize, "[X-Z😀]{0,3}")
            .prop_map(|(deleted, inserted)| Section::Replace { deleted, inserted }),
    ];
    proptest::collection::vec(section, 0..8).prop_map(move |sections| {
        let mut left = length;
        let mut fitting = Vec::new();
        for mut section in sections {
            let (Section::Keep(units) | Section::Replace { deleted: units, .. }) = &mut section;
            *units = (*units).min(left);
            left -= *units;
            fitting.push(section);
        }
        fitting.push(Section::Keep(left));
        ChangeSet::from_sections(fitting)
    })
}

fn text_and_change(
    text: impl Strategy<Value = String>,
) -> impl Strategy<Value = (String, ChangeSet)> {
    text.prop_flat_map(|text| {
        let length = utf16_len(&text);
        (Just(text), change_of(length))
    })
}

fn assert_normal(changes: &ChangeSet) {
    for pair in changes.sections().windows(2) {
        let same = matches!(
            pair,
            [Section::Keep(_), Section::Keep(_)]
                | [Section::Replace { .. }, Section::Replace { .. }]
        );
        assert!(!same, "two sections of a kind in {changes:?}");
    }
    assert!(!changes.sections().contains(&Section::Keep(0)));
    let rebuilt = ChangeSet::from_sections(changes.sections().to_vec());
    assert_eq!(&rebuilt, changes);
}

/// `SEED` and `ITERATIONS` in the environment choose what is run.
fn config() -> ProptestConfig {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if let Some(cases) = number("ITERATIONS") {
        config.cases = cases as u32;
    }
    if let Some(seed) = number("SEED") {
        config.rng_seed = proptest::test_runner::RngSeed::Fixed(seed);
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn composing_is_applying_one_after_the_other(
        ((text, first), second) in text_and_change(wide_text()).prop_flat_map(|(text, first)| {
            let after = first.len_after();
            (Just((text, first)), change_of(after))
        })
    ) {
        let composed = first.compose(&second).unwrap();
        assert_normal(&composed);
        let middle = first.apply(&text).unwrap();
        prop_assert_eq!(utf16_len(&middle), first.len_after());
        let one = second.apply(&middle).unwrap();
        let other = composed.apply(&text).unwrap();
        // A cut through a pair leaves U+FFFD at a different moment; the width is the same.
        if one.contains('\u{fffd}') || other.contains('\u{fffd}') {
            prop_assert_eq!(utf16_len(&one), utf16_len(&other));
        } else {
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn composing_is_associative(
        (a, b, c) in change_of(9).prop_flat_map(|a| {
            let length = a.len_after();
            (Just(a), change_of(length))
        }).prop_flat_map(|(a, b)| {
            let length = b.len_after();
            (Just(a), Just(b), change_of(length))
        })
    ) {
        let left = a.compose(&b).unwrap().compose(&c).unwrap();
        let right = a.compose(&b.compose(&c).unwrap()).unwrap();
        prop_assert_eq!(left.len_after(), right.len_after());
        prop_assert_eq!(left, right);
    }

    #[test]
    fn mapping_converges_on_the_model(
        (text, a, b) in narrow_text().prop_flat_map(|text| {
            let length = utf16_len(&text);
            (Just(text), change_of(length), change_of(length))
        })
    ) {
        let b_after_a = b.map(&a, Order::After).unwrap();
        let a_before_b = a.map(&b, Order::Before).unwrap();
        assert_normal(&b_after_a);
        assert_normal(&a_before_b);
        let expected = Model::merged(&Model::of(&a), &Model::of(&b), &text);
        prop_assert_eq!(&b_after_a.apply(&a.apply(&text).unwrap()).unwrap(), &expected);
        prop_assert_eq!(&a_before_b.apply(&b.apply(&text).unwrap()).unwrap(), &expected);
    }

    #[test]
    fn inverting_leads_back((text, changes) in text_and_change(narrow_text())) {
        let inverse = changes.invert(&text).unwrap();
        assert_normal(&inverse);
        prop_assert_eq!(inverse.apply(&changes.apply(&text).unwrap()).unwrap(), text);
    }

    #[test]
    fn splices_one_by_one_do_the_same((text, changes) in text_and_change(narrow_text())) {
        let mut units: Vec<u16> = text.encode_utf16().collect();
        for Splice { at, deleted, inserted, .. } in changes.splices() {
            units.splice(at..at + deleted, inserted.encode_utf16());
        }
        prop_assert_eq!(String::from_utf16_lossy(&units), changes.apply(&text).unwrap());
    }

    #[test]
    fn a_difference_leads_from_one_text_to_the_other(
        before in wide_text(), after in wide_text()
    ) {
        for changes in [
            ChangeSet::between(&before, &after),
            ChangeSet::between_lines(&before, &after),
            ChangeSet::between_words(&before, &after),
            ChangeSet::replacement(&before, &after),
        ] {
            assert_normal(&changes);
            prop_assert_eq!(&changes.apply(&before).unwrap(), &after);
        }
        prop_assert!(ChangeSet::between(&before, &before).is_identity());
    }

    #[test]
    fn a_position_stays_with_its_neighbour(
        (text, changes) in text_and_change(narrow_text()), at in 0..13usize
    ) {
        let at = at.min(text.len());
        let left = changes.map_position(at, Side::Left);
        let right = changes.map_position(at, Side::Right);
        prop_assert!(left <= right && right <= changes.len_after());
        // What survives left of the position is left of it afterwards, and the same to the right.
        let model = Model::of(&changes);
        let kept_left = model.survives[..at].iter().filter(|kept| **kept).count();
        let inserted: usize = model.gaps[..at].iter().map(|gap| utf16_len(gap)).sum();
        prop_assert!(left <= kept_left + inserted + utf16_len(&model.gaps[at]));
        prop_assert!(right >= kept_left);
    }

    #[test]
    fn a_correction_leads_from_what_was_asked_to_what_was_done(
        (text, asked, done) in narrow_text().prop_flat_map(|text| {
            let length = utf16_len(&text);
            (Just(text), change_of(length), change_of(length))
        })
    ) {
        let truth = done.apply(&text).unwrap();
        let correction = asked.correction(&done, &truth).unwrap();
        assert_normal(&correction);
        prop_assert_eq!(correction.apply(&asked.apply(&text).unwrap()).unwrap(), truth);
    }
}

#[test]
fn a_cut_through_a_pair_keeps_the_width() {
    let changes = ChangeSet::splice(4, 0, 1, "").unwrap();
    assert_eq!(changes.apply("😀ab").unwrap(), "\u{fffd}ab");
    assert!(ChangeSet::splice(4, 3, 2, "").is_err());
    assert!(changes.apply("ab").is_err());
}

#[test]
fn a_correction_does_not_cut_through_a_character() {
    // The editor removed half of the pair; the document removed nothing.
    let asked = ChangeSet::splice(4, 2, 1, "").unwrap();
    let done = ChangeSet::identity(4);
    let correction = asked.correction(&done, "a😀b").unwrap();
    assert_eq!(correction, ChangeSet::splice(3, 1, 1, "😀").unwrap());
}

#[test]
fn a_difference_is_small() {
    let before = "# Groceries\n\n- milk\n- bread\n- eggs\n";
    let after = "# Groceries\n\n- oat milk\n- bread\n- eggs, six\n";
    let changes = ChangeSet::between(before, after);
    let steps: Vec<_> = changes.splices().map(|step| (step.deleted, step.inserted)).collect();
    assert_eq!(steps, [(0, ", six"), (0, "oat ")]);
}

#[test]
fn no_word_is_made_of_another() {
    let steps = |changes: ChangeSet| -> Vec<(usize, String)> {
        changes.splices().map(|step| (step.deleted, step.inserted.to_owned())).collect()
    };
    let changes = ChangeSet::between_words("w27x in\n", "w35x in\n");
    assert_eq!(steps(changes), [(4, "w35x".into())]);
    let changes = ChangeSet::between_words("w1x in\n", "w12x in\n");
    assert_eq!(steps(changes), [(3, "w12x".into())]);
    let changes = ChangeSet::between_words("one pack\n", "one packs\n");
    assert_eq!(steps(changes), [(0, "s".into())]);
    let changes = ChangeSet::between_words("one\ntwo\n", "three\nfour one\n");
    assert_eq!(steps(changes), [(4, String::new()), (0, "three\nfour ".into())]);
    let added = ChangeSet::additions("a w27x\nb\n", "a w35x c\nb\n");
    assert_eq!(added.apply("a w27x\nb\n").unwrap(), "a w35x c\nw27x\nb\n");
}

#[test]
fn a_position_keeps_to_its_side() {
    let changes = ChangeSet::splice(4, 2, 1, "xy").unwrap();
    assert_eq!(changes.map_position(2, Side::Left), 2);
    assert_eq!(changes.map_position(2, Side::Right), 4);
    assert_eq!(changes.map_position(3, Side::Left), 4);
    assert_eq!(changes.map_position(9, Side::Right), 5);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn steps_gathered_are_steps_composed(
        length in 0..10usize,
        steps in proptest::collection::vec((0..20usize, 0..4usize, "[a-c]{0,3}"), 0..12)
    ) {
        let mut gathered = Steps::new(length);
        let mut composed = ChangeSet::identity(length);
        for (at, deleted, inserted) in steps {
            match ChangeSet::splice(composed.len_after(), at, deleted, &inserted) {
                Ok(step) => {
                    gathered.replace(at, deleted, &inserted).unwrap();
                    composed = composed.compose(&step).unwrap();
                }
                Err(_) => prop_assert!(gathered.replace(at, deleted, &inserted).is_err()),
            }
            prop_assert_eq!(gathered.length(), composed.len_after());
        }
        prop_assert_eq!(gathered.finish(), composed);
    }
}
