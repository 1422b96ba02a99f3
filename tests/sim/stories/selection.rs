//! Who is followed, by rules and by the labels on containers, and what records say of them.

use serde_json::json;

use crate::sim::engine::{Channel, Dialect, Driver, Endpoint, Hostility};
use crate::sim::{Expect, Knobs, MS, Outcome, Rng, Story, plain};

const DIALECTS: [Dialect; 4] = [Dialect::Docker20, Dialect::Docker28, Dialect::Docker29, Dialect::Podman];

/// These are followed whole, and nothing at all is asked about the others.
#[track_caller]
fn assert_only(outcome: &Outcome, followed: &[&str], others: &[&str]) {
    outcome.assert(|name| if followed.contains(&name) { Expect::All } else { Expect::Nothing });
    for name in others {
        assert_eq!(outcome.requests_about(name, ""), 0, "{name}");
    }
}

#[test]
fn a_container_s_own_label_can_leave_it_but_not_bring_it_into_a_selection_of_others() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&["--tail", "all", "web*", "--exclude", "*-old"]);
        let spec = |name: &str, value: &str| plain(name).label("docklog.enable", value);
        story.machine.run(spec("web-off", "false"));
        story.machine.run(spec("web-on", "true"));
        story.machine.run(spec("web-old", "yes"));
        story.machine.run(spec("db", "true"));
        story.machine.run(plain("cache"));
        story.machine.at(1_000, "later ones", move |m| {
            m.run(spec("web-off-later", "0"));
            m.run(spec("web-on-later", "1"));
            m.run(spec("web-odd", "perhaps"));
        });
        let (followed, others) =
            (["web-on", "web-on-later", "web-odd"], ["web-off", "web-old", "db", "cache", "web-off-later"]);
        for name in followed.into_iter().chain(others) {
            story.machine.at(2_000, "lines", move |m| m.lines(name, 20, 0));
        }
        assert_only(&story.run_for(130_000), &followed, &others);
    }
}

#[test]
fn with_opt_in_only_those_are_followed_whose_label_asks_for_it() {
    let mut story =
        Story::calm(Dialect::Docker28).configured("[select]\nopt_in = true\nlabel_prefix = \"logs\"");
    story.machine.run(plain("web").label("logs.enable", "on"));
    story.machine.run(plain("db").label("docklog.enable", "on"));
    story.machine.run(plain("cache"));
    for name in ["web", "db", "cache"] {
        story.machine.at(2_000, "lines", move |m| m.lines(name, 20, 0));
    }
    assert_only(&story.run_for(70_000), &["web"], &["db", "cache"]);
}

#[test]
fn an_excluded_driver_is_found_by_inspect_and_its_log_never_asked_for() {
    for dialect in [Dialect::Docker20, Dialect::Docker28, Dialect::Docker29] {
        let mut story = Story::calm(dialect).configured("[exclude]\ndrivers = [\"local\", \"none\"]");
        for name in ["before", "before-local", "before-none"] {
            let driver = match name.split_once('-') {
                Some((_, "local")) => Driver::Local,
                Some(_) => Driver::None,
                None => Driver::JsonFile,
            };
            story.machine.run(plain(name).driver(driver));
            story.machine.lines(name, 20, 0);
        }
        story.machine.at(1_000, "later ones", |m| {
            m.run(plain("later"));
            m.run(plain("later-local").driver(Driver::Local));
            m.lines("later", 20, 0);
            m.lines("later-local", 20, 0);
        });
        story.machine.at(70_000, "another run", |m| {
            m.restart("before-local");
            m.rename("later-local", "renamed-local");
            m.lines("before-local", 20, 0);
        });
        story.machine.at(150_000, "its end", |m| m.remove("before-local"));
        let outcome = story.run_for(200_000);
        outcome.assert(|name| if name.contains('-') { Expect::Nothing } else { Expect::All });
        for name in ["before-local", "before-none", "renamed-local"] {
            assert_eq!(
                (outcome.requests_about(name, "/json"), outcome.requests_about(name, "/logs")),
                (1, 0),
                "{dialect:?}: {name}"
            );
        }
        assert_eq!(outcome.stderr, "", "{dialect:?}: what is left is neither unreadable nor missed");
    }
}

#[test]
fn a_driver_that_is_asked_for_is_inspected_before_its_log_is() {
    for args in [&["--tail", "all"][..], &["--tail", "all", "--no-follow", "-a"]] {
        let mut story =
            Story::calm(Dialect::Docker28).args(args).configured("[include]\ndrivers = [\"loc*\"]");
        for (name, driver) in [("web", Driver::Local), ("db", Driver::JsonFile)] {
            story.machine.run(plain(name).driver(driver));
            story.machine.lines(name, 20, 0);
            story.machine.die(name);
            story.machine.start(name);
        }
        let outcome = story.run_for(10_000);
        outcome.assert(|name| if name == "web" { Expect::All } else { Expect::Nothing });
        assert_eq!((outcome.requests_about("db", "/json"), outcome.requests_about("db", "/logs")), (1, 0));
        let machine = outcome.machine.machine();
        let id = &machine.engine.find("web").unwrap().id;
        let asked = |what: &str| {
            let line = format!("/{id}/{what}");
            machine.engine.requests.iter().position(|(_, request)| request.contains(&line)).unwrap()
        };
        assert!(asked("json") < asked("logs"), "{:?}", machine.engine.requests);
    }
}

#[test]
fn what_inspect_can_t_tell_is_followed() {
    let mut story = Story::calm(Dialect::Docker28).configured("[exclude]\ndrivers = [\"local\"]");
    story.machine.engine.faults.forbidden = vec![Endpoint::Inspect];
    story.machine.run(plain("web"));
    story.machine.at(1_000, "later", |m| m.run(plain("db").driver(Driver::Local)));
    for name in ["web", "db"] {
        story.machine.at(2_000, "lines", move |m| m.lines(name, 50, 0));
    }
    story.run_for(70_000).assert_all();
}

#[test]
fn an_inspect_that_fails_for_a_while_is_repeated_before_a_driver_is_believed() {
    let mut story = Story::calm(Dialect::Docker28).configured("[exclude]\ndrivers = [\"local\"]");
    story.machine.engine.faults.hostile = Some((Hostility::Hangup, Some(Endpoint::Inspect)));
    for (name, driver) in [("web", Driver::JsonFile), ("db", Driver::Local)] {
        story.machine.run(plain(name).driver(driver));
        story.machine.lines(name, 50, 0);
    }
    story.machine.at(400, "well again", |m| m.engine.faults.hostile = None);
    let outcome = story.run_for(10_000);
    outcome.assert(|name| if name == "web" { Expect::All } else { Expect::Nothing });
    assert!(outcome.requests_about("db", "/json") > 1);
    assert_eq!(outcome.requests_about("db", "/logs"), 0);
}

#[test]
fn an_engine_that_dies_over_an_inspect_is_asked_again_when_it_is_back() {
    for seed in 1..=20 {
        let mut rng = Rng::new(seed);
        let mut story = Story::new(seed, Dialect::Docker28, Knobs::random(&mut rng))
            .configured("[exclude]\ndrivers = [\"local\"]");
        for (name, driver) in [("web", Driver::JsonFile), ("db", Driver::Local)] {
            story.machine.run(plain(name).driver(driver));
            story.machine.lines(name, 50, 0);
        }
        story.machine.at_nanos(rng.below(60 * MS), "the engine dies", |m| m.engine_down(false));
        story.machine.at(30_000, "it is back", |m| m.engine_up(true));
        let outcome = story.run_through();
        outcome.assert(|name| if name == "web" { Expect::All } else { Expect::Nothing });
    }
}

#[test]
fn an_image_is_chosen_with_its_tag_or_without() {
    for dialect in DIALECTS {
        let args = ["--tail", "all", "--image", "nginx", "--image", "reg:5000/*:2"];
        let mut story = Story::calm(dialect).args(&args);
        let specs = || {
            [
                plain("web").image("nginx:1.25"),
                plain("shop").image("reg:5000/shop:2"),
                plain("shop-old").image("reg:5000/shop:1"),
                plain("db").image("redis"),
            ]
        };
        specs().into_iter().for_each(|spec| story.machine.run(spec));
        story.machine.at(1_000, "later ones", move |m| {
            for mut spec in specs() {
                spec.name.push_str("-later");
                m.run(spec);
            }
        });
        let (followed, others) =
            (["web", "shop", "web-later", "shop-later"], ["shop-old", "db", "shop-old-later", "db-later"]);
        for name in followed.into_iter().chain(others) {
            story.machine.at(2_000, "lines", move |m| m.lines(name, 20, 0));
        }
        assert_only(&story.run_for(70_000), &followed, &others);
    }
}

#[test]
fn an_image_whose_name_has_moved_on_is_told_by_inspect() {
    for dialect in [Dialect::Docker20, Dialect::Docker28] {
        let mut story = Story::calm(dialect)
            .args(&["--tail", "all", "--image", "shop"])
            .configured("[output]\nfields = [\"image\"]");
        story.machine.run(plain("shop").image("shop:latest").image_moved());
        story.machine.run(plain("other").image("other:latest").image_moved());
        // This one's name moves on while we follow it: a list that tells the id takes nothing back.
        story.machine.at(1_000, "later", |m| m.run(plain("shop-2").image("shop:latest").image_moved()));
        for at in [2_000, 90_000, 150_000] {
            for name in ["shop", "other", "shop-2"] {
                story.machine.at(at, "lines", move |m| m.lines(name, 20, 0));
            }
        }
        story.machine.at(160_000, "another name, of which nobody hears but by the list", |m| {
            m.engine.faults.drop_events = true;
            m.rename("shop", "shop-1");
            m.engine.faults.drop_events = false;
        });
        story.machine.at(250_000, "lines", |m| m.lines("shop-1", 20, 0));
        let outcome = story.run_for(260_000);
        outcome.assert(|name| if name == "other" { Expect::Nothing } else { Expect::All });
        assert_eq!(
            (outcome.requests_about("other", "/json"), outcome.requests_about("other", "/logs")),
            (1, 0)
        );
        assert!(outcome.described().iter().all(|line| line["image"] == "shop:latest"));
    }
}

#[test]
fn another_name_brings_a_container_in_and_takes_it_out() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&["--tail", "all", "web*", "--label", "tier=front"]);
        story.machine.run(plain("tmp").label("tier", "front"));
        story.machine.run(plain("tmp-2").label("tier", "back"));
        for name in ["tmp", "tmp-2"] {
            story.machine.lines(name, 20, 0);
        }
        story.machine.at(10_000, "in", |m| {
            m.rename("tmp", "web");
            m.rename("tmp-2", "web-2");
        });
        story.machine.at(20_000, "lines", |m| {
            m.lines("web", 20, 0);
            m.lines("web-2", 20, 0);
        });
        story.machine.at(30_000, "out", |m| m.rename("web", "tmp"));
        story.machine.at(100_000, "lines", |m| m.lines("tmp", 20, 0));
        let outcome = story.run_for(200_000);
        outcome.assert(|name| if name == "tmp" { Expect::Some } else { Expect::Nothing });
        let given = outcome.given();
        assert_eq!(given.len(), 20, "{dialect:?}: what it wrote under the other name isn't wanted");
        assert!(given.iter().all(|line| line.container == "web"));
        assert_eq!(outcome.requests_about("web-2", ""), 0);
    }
}

#[test]
fn where_events_tell_no_labels_the_list_tells_what_a_new_name_means() {
    let mut story = Story::calm(Dialect::Docker28)
        .args(&["--tail", "all", "web*"])
        .configured("[include]\nlabels = [\"tier=/fro/\"]\n[output]\nlabels = [\"tier\"]");
    story.machine.run(plain("web-1").label("tier", "front"));
    story.machine.run(plain("web-2").label("tier", "front"));
    story.machine.at(1_000, "from now on", |m| m.engine.faults.bare_events = true);
    story.machine.at(10_000, "other names", |m| {
        m.rename("web-1", "web-3");
        m.rename("web-2", "db");
    });
    story.machine.at(20_000, "lines", |m| {
        m.lines("web-3", 20, 0);
        m.lines("db", 20, 0);
    });
    let outcome = story.run_for(30_000);
    outcome.assert(|name| if name == "web-1" { Expect::All } else { Expect::Nothing });
    let expected = json!({ "container": "web-3", "labels": { "tier": "front" } });
    assert!(outcome.described().iter().all(|line| *line == expected), "{:?}", outcome.described());
}

#[test]
fn a_label_gives_the_name_that_is_shown_and_the_real_one_decides() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&["--tail", "all", "web*"]);
        story.machine.run(plain("web-1").label("docklog.name", "shop"));
        story.machine.run(plain("db").label("docklog.name", "web"));
        story.machine.at(2_000, "lines", |m| m.lines("web-1", 20, 0));
        story.machine.at(3_000, "another name", |m| m.rename("web-1", "web-2"));
        story.machine.at(4_000, "lines", |m| m.lines("web-2", 20, 0));
        story.machine.at(70_000, "no name of ours any more", |m| m.rename("web-2", "tmp"));
        story.machine.at(71_000, "lines", |m| m.lines("tmp", 20, 0));
        let outcome = story.run_for(80_000);
        outcome.assert(|name| if name == "web-1" { Expect::Some } else { Expect::Nothing });
        assert_eq!(outcome.given().len(), 40);
        assert!(outcome.given().iter().all(|line| line.container == "shop"));
    }
}

#[test]
fn records_tell_what_was_chosen_of_their_container() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).configured(
            "[output]\nfields = [\"image\", \"project\", \"service\"]\nlabels = [\"tier\", \"team\", \"tier\"]",
        );
        let spec = |name: &str| {
            plain(name)
                .image("shop:2")
                .label("com.docker.compose.project", "shop")
                .label("com.docker.compose.service", "web")
                .label("tier", "front")
                .label("unasked", "x")
        };
        story.machine.run(spec("web-1").image_moved()); // inspect knows it by its name
        story.machine.run(plain("plain"));
        story.machine.at(1_000, "later", move |m| m.run(spec("web-2")));
        for name in ["web-1", "plain", "web-2"] {
            story.machine.at(2_000, "line", move |m| m.line(name, Channel::Stdout, 0));
        }
        let outcome = story.run_for(10_000);
        outcome.assert_all();
        let full = |name: &str| {
            let labels = json!({ "tier": "front" });
            json!({ "container": name, "image": "shop:2", "project": "shop", "service": "web", "labels": labels })
        };
        let expected = [full("web-1"), json!({ "container": "plain", "image": "busybox" }), full("web-2")];
        let described = outcome.described();
        assert_eq!(described.len(), 3);
        assert!(expected.iter().all(|line| described.contains(line)), "{described:?}");
    }
}

#[test]
fn who_is_excluded_for_a_while_goes_on_with_what_is_written_from_then_on() {
    const LEFT: &str = "[exclude]\nnames = [\"by-name\"]\ndrivers = [\"local\"]\n";
    for dialect in [Dialect::Docker20, Dialect::Docker28] {
        let mut story = Story::calm(dialect).configured("[exclude]\nnames = [\"late\"]\n");
        story.machine.run(plain("by-name"));
        story.machine.run(plain("by-driver").driver(Driver::Local));
        story.machine.run(plain("late"));
        for at in [1_000, 11_000, 21_000] {
            for name in ["by-name", "by-driver", "late"] {
                story.machine.at(at, "lines", move |m| m.lines(name, 20, 0));
            }
        }
        story.machine.at(10_000, "SIGHUP", |m| m.reload_signal(LEFT));
        story.machine.at(20_000, "SIGHUP", |m| m.reload_signal(""));
        let outcome = story.run_for(100_000);
        // With --tail all, one that was never followed is new to us, and has all of its past shown.
        outcome.assert(|name| if name == "late" { Expect::All } else { Expect::Some });
        for name in ["by-name", "by-driver"] {
            let given = outcome.given().iter().filter(|line| line.container == name).count();
            assert_eq!(given, 40, "{dialect:?}: {name}: what it wrote while it was excluded isn't wanted");
        }
    }
}
