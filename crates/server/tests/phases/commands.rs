//! Can an operator change the phase while requests run, and see how far it has come?

use super::generator::{self, DIALECT};
use super::*;
use testbed::Cluster;
use world::console::{self, Said};

fn run(home: &Home, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let mut command =
        console::command(home, &[arguments, &["--data", "data", "--config", "countersign.toml"]].concat());
    for (name, value) in environment {
        command.env(format!("COUNTERSIGN_{name}"), value);
    }
    console::said(command.output().unwrap())
}

/// Clients that never stop, through all phases and back. Nobody sees a failure, nobody is signed out.
async fn through_all_phases(settings: &[(&str, &str)]) {
    let old = before(DIALECT).await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Shadow, settings).await;
    let made = generator::sign_up(&world, "ana").await;
    assert_eq!(made.status, 201, "{made:?}");
    let access = generator::access(&made);
    let done = std::sync::atomic::AtomicBool::new(false);
    let clients = async {
        let (mut rounds, mut refresh, mut access) = (0, generator::refresh(&made), access);
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            let profile = generator::profile(&world, &access).await;
            assert_eq!(profile.status, 200, "{profile:?}");
            let signed_in = generator::sign_in(&world, "ana", PASSWORD).await;
            assert_eq!(signed_in.status, 200, "{signed_in:?}");
            let renewed = generator::renew(&world, &refresh).await;
            assert_eq!(renewed.status, 200, "{renewed:?}");
            (refresh, access) = (generator::refresh(&signed_in), generator::access(&signed_in));
            rounds += 1;
        }
        rounds
    };
    let operator = async {
        let takeover = || world.app.spoken().speaker.mounts()[0].takeover.clone().unwrap();
        for phase in [Phase::Dual, Phase::Cut, Phase::Dual, Phase::Shadow, Phase::Dual] {
            let said = tokio::task::block_in_place(|| {
                run(&world.home, &["migration", "phase", phase.name(), "--yes"], settings)
            });
            assert!(said.ok().contains(phase.name()));
            until(|| takeover().phase() == phase).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (rounds, ()) = tokio::join!(clients, operator);
    assert!(rounds > 5, "{rounds}");
    let counts = counts(&world).await;
    assert_eq!(of(&counts, Tally::Different), [], "{counts:?}");
    let status =
        tokio::task::block_in_place(|| run(&world.home, &["migration", "status", "--json"], settings)).ok();
    let status: Value = serde_json::from_str(&status).unwrap();
    let mount = &status["mounts"][0];
    assert_eq!(
        (&mount["mount"], &mount["phase"], &mount["configured"]),
        (&json!(DIALECT), &json!("dual"), &json!("shadow"))
    );
    assert!(
        mount["since"].is_string() && mount["counts"]["compared"]["count"].as_u64().unwrap() > 0,
        "{status:#}"
    );
    assert_eq!(status["hashes"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>(), 1);
    let trail = tokio::task::block_in_place(|| {
        run(&world.home, &["audit", "tail", "--kind", "phase_changed"], settings)
    });
    assert_eq!(trail.ok().lines().filter(|line| line.contains("phase_changed")).count(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phase_is_changed_under_requests_on_sqlite() {
    through_all_phases(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phase_is_changed_under_requests_on_postgresql() {
    let database = Cluster::shared().database();
    let owner = database.owner();
    let (url, password) =
        (format!("postgres://{}@{}/{}", owner.user(), owner.address(), owner.name()), owner.password());
    through_all_phases(&[("DATABASE", &url), ("DATABASE_PASSWORD", password)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_meant_is_refused_with_what_to_do() {
    let home = Home::new();
    home.write("countersign.toml", "[[mount]]\ndialect = \"native\"\n");
    let said = run(&home, &["migration", "phase", "dual"], &[]);
    assert!(said.code == 2 && said.err.contains("upstream = "), "{said:?}");
    let two = "[[mount]]\ndialect = \"uk-travel\"\nprefix = \"/a\"\nupstream = \"http://127.0.0.1:1\"\n\
        [[mount]]\ndialect = \"uk-travel\"\nprefix = \"/b\"\nupstream = \"http://127.0.0.1:1\"\nphase = \"cut\"\n";
    home.write("countersign.toml", two);
    let said = run(&home, &["migration", "phase", "dual"], &[]);
    assert!(said.code == 2 && said.err.contains("uk-travel/a, uk-travel/b"), "{said:?}");
    let said = run(&home, &["migration", "phase", "uk-travel/c", "dual"], &[]);
    assert!(said.code == 2 && said.err.contains("uk-travel/a"), "{said:?}");
    let said = run(&home, &["migration", "phase", "uk-travel/a", "cut"], &[]);
    assert!(said.code == 2 && said.err.contains("--yes"), "{said:?}");
    assert!(run(&home, &["migration", "phase", "uk-travel/a", "dual"], &[]).ok().contains("dual"));
    assert!(run(&home, &["migration", "phase", "uk-travel/a", "dual"], &[]).ok().contains("already"));
    let status = run(&home, &["migration", "status"], &[]).ok();
    assert!(status.contains("uk-travel/a from http://127.0.0.1:1\n  dual: this server answers"), "{status}");
    assert!(
        status
            .contains("uk-travel/b from http://127.0.0.1:1\n  cut: this server answers alone, as configured"),
        "{status}"
    );
    let help = run(&home, &["migration", "--help"], &[]).ok();
    assert!(["shadow", "dual", "cut"].iter().all(|word| help.contains(word)), "{help}");
}
