//! Somebody is told when something is amiss, and when it is over: once, in order, and beside the requests.

use harness::{
    Edge, EdgeBuilder, Origin, OriginBuilder, PATIENCE, Step, answer, edge, ms, operator, origin,
    patiently, tiers, viewer, viewer_of,
};
use serde_json::{Value, json};

/// What a webhook's URL has in it that nobody else may see.
const SECRET: &str = "T0SECRET";

/// A webhook at `receiver`, which is told of `only` these in this `format`.
fn webhook(receiver: &Origin, format: &str, only: &[&str]) -> String {
    let url = receiver.url();
    let only = if only.is_empty() {
        String::new()
    } else {
        format!("only = {only:?}\n")
    };
    format!(
        "\n[[alarm]]\nwebhook = \"{url}/services/{SECRET}?wait=true\"\nformat = \"{format}\"\n{only}"
    )
}

/// One that answers whatever `answers` says, in turn.
async fn receiver<const N: usize>(answers: [u16; N]) -> Origin {
    origin("hooks").in_turn(answers.map(answer)).start().await
}

fn told(receiver: &Origin) -> Vec<Value> {
    let requests = receiver.requests();
    let bodies = requests.iter().filter(|request| request.is_whole);
    bodies
        .map(|request| serde_json::from_str(&request.text()).expect("a notice is JSON"))
        .collect()
}

/// Kind, subject and state of each notice.
fn stations(notices: &[Value]) -> Vec<String> {
    let text = |notice: &Value, key: &str| notice[key].as_str().unwrap_or_default().to_owned();
    let station = |notice| {
        ["kind", "subject", "state"]
            .map(|key| text(notice, key))
            .join(" ")
    };
    notices.iter().map(station).collect()
}

/// Fails so often that it is left alone, then answers.
fn flaky(name: &str) -> OriginBuilder {
    origin(name).in_turn([500, 500, 200].map(answer))
}

/// Two tiers, of which `primary` is left alone after two answers of 500; asked again after 500 ms.
fn two(primary: &Origin, secondary: &Origin) -> EdgeBuilder {
    tiers([primary, secondary], [500]).and(
        "\n[origin.primary]\nurl = \"http://primary.test\"\n\
         breaker = { in_a_row = 2, statuses = [500], probe_interval = \"10s\", slow_start = \"0s\" }\n\
         [origin.secondary]\nurl = \"http://secondary.test\"\n",
    )
}

/// Asks until the primary is left alone.
async fn fails(edge: &Edge) {
    for _ in 0..2 {
        viewer(edge).get("/").await.expect(200);
    }
}

/// Asks until the primary answers.
async fn recovers(edge: &Edge, primary: &Origin) {
    patiently("the primary is asked again", async {
        while primary.requests().len() < 3 {
            viewer(edge).get("/").await.expect(200);
            tokio::time::sleep(ms(20)).await;
        }
    })
    .await;
}

async fn admin(edge: &Edge) -> Value {
    let answer = viewer_of(edge.admin()).get("/events.json").await;
    serde_json::from_str(&answer.expect(200).text()).expect("it is JSON")
}

#[tokio::test]
async fn what_is_amiss_is_told_once_and_so_is_that_it_is_over() {
    let primary = flaky("primary").start().await;
    let secondary = origin("secondary").start().await;
    let hooks = receiver([200]).await;
    let edge = two(&primary, &secondary)
        .and(&webhook(&hooks, "json", &[]))
        .time_scale(0.05)
        .start()
        .await;

    fails(&edge).await;
    hooks.until_it_read(2).await;

    assert_eq!(
        stations(&told(&hooks)),
        ["breaker primary begins", "group tiers begins"]
    );
    let request = &hooks.requests()[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.target, format!("/services/{SECRET}?wait=true"));
    assert_eq!(request.value("content-type"), "application/json");
    let first = &told(&hooks)[0];
    assert_eq!(
        first["text"],
        "primary is left alone: 2 of 2 attempts failed by their statuses; it is tried again by itself; \
         if it is to stay away: tideover switch primary down"
    );
    assert_eq!(first["level"], 1);
    assert_eq!(first["dropped"], 0);
    assert_eq!(first["time"], first["since"]);
    assert_eq!(
        told(&hooks)[1]["text"],
        "tiers is down to secondary, the last of 2: bring another one back before it fails too"
    );
    edge.until_metric("tideover_alarms_active{kind=\"breaker\"}", 1.0)
        .await;
    assert_eq!(admin(&edge).await["alarms"][0]["kind"], "breaker");
    // While it lasts nothing more is told.
    for _ in 0..5 {
        viewer(&edge).get("/").await.expect(200);
    }

    recovers(&edge, &primary).await;
    hooks.until_it_read(4).await;

    assert_eq!(
        stations(&told(&hooks)),
        [
            "breaker primary begins",
            "group tiers begins",
            "breaker primary ends",
            "group tiers ends"
        ]
    );
    edge.until_metric("tideover_alarms_active{kind=\"breaker\"}", 0.0)
        .await;
    let delivered = "tideover_alarm_deliveries_total{outcome=\"delivered\"}";
    edge.until_metric(delivered, 4.0).await;
    let events = admin(&edge).await;
    assert_eq!(events["alarms"], Value::Array(Vec::new()));
    assert_eq!(events["events"].as_array().map(Vec::len), Some(4));
    assert!(!events.to_string().contains(SECRET));
    assert!(!edge.metrics().await.contains(SECRET));
}

#[tokio::test]
async fn slack_is_told_in_words() {
    let primary = flaky("primary").start().await;
    let secondary = origin("secondary").start().await;
    let hooks = receiver([200]).await;
    let edge = two(&primary, &secondary)
        .and(&webhook(&hooks, "slack", &["breaker"]))
        .time_scale(0.05)
        .start()
        .await;

    fails(&edge).await;
    recovers(&edge, &primary).await;
    hooks.until_it_read(2).await;

    for (notice, word, words) in [
        (0, "ALARM at ", ": primary is left alone: "),
        (1, "OVER at ", ": primary answers again"),
    ] {
        let notice = &told(&hooks)[notice];
        let keys: Vec<&String> = notice.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["text"]);
        let text = notice["text"].as_str().expect("a text");
        assert!(text.starts_with(word) && text.contains(words), "{text}");
    }
    // The group was down to its last member, too: nobody wanted to know.
    assert_eq!(hooks.requests().len(), 2);
}

#[tokio::test]
async fn who_could_not_be_told_is_told_later_and_in_order() {
    let primary = flaky("primary").start().await;
    let secondary = origin("secondary").start().await;
    let failing = receiver([503, 429, 500, 200]).await;
    let well = receiver([204]).await;
    let edge = two(&primary, &secondary)
        .and(&webhook(&failing, "json", &["breaker"]))
        .and(&webhook(&well, "json", &["breaker"]))
        .time_scale(0.02)
        .start()
        .await;

    fails(&edge).await;
    recovers(&edge, &primary).await;
    failing.until_it_read(5).await;

    let both = ["breaker primary begins", "breaker primary ends"];
    let heard = stations(&told(&failing));
    assert_eq!(heard[..4], [both[0]; 4]);
    assert_eq!(heard[4], both[1]);
    // One that does not take them is nothing to the others.
    assert_eq!(stations(&told(&well)), both);
    let outcome = |outcome| format!("tideover_alarm_deliveries_total{{outcome=\"{outcome}\"}}");
    edge.until_metric(&outcome("delivered"), 4.0).await;
    assert!((edge.metric(&outcome("retried")).await - 3.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn who_never_answers_delays_nobody() {
    let primary = flaky("primary").start().await;
    let secondary = origin("secondary").start().await;
    let silent = origin("hooks")
        .plays([Step::ReadBody, Step::Silence])
        .start()
        .await;
    let edge = two(&primary, &secondary)
        .and(&webhook(&silent, "json", &[]))
        .time_scale(0.05)
        .start()
        .await;

    fails(&edge).await;
    silent.until_it_read(1).await;
    viewer(&edge).get("/").await.took_less_than(PATIENCE / 4);
    // It is hung up on, and asked again.
    silent.until_it_was_left().await;
    silent.until_it_read(2).await;

    let heard = stations(&told(&silent));
    assert_eq!(heard, ["breaker primary begins"; 2]);
}

#[tokio::test]
async fn who_refuses_is_not_asked_again() {
    let primary = flaky("primary").start().await;
    let secondary = origin("secondary").start().await;
    let hooks = receiver([404, 200]).await;
    let edge = two(&primary, &secondary)
        .and(&webhook(&hooks, "json", &["breaker"]))
        .time_scale(0.05)
        .start()
        .await;

    fails(&edge).await;
    recovers(&edge, &primary).await;
    hooks.until_it_read(2).await;

    let heard = stations(&told(&hooks));
    assert_eq!(heard, ["breaker primary begins", "breaker primary ends"]);
    let refused = "tideover_alarm_deliveries_total{outcome=\"refused\"}";
    edge.until_metric(refused, 1.0).await;
}

#[tokio::test]
async fn a_webhook_is_reached_by_tls_and_has_to_prove_itself() {
    let primary = flaky("primary").start().await;
    let secondary = origin("secondary").start().await;
    let hooks = origin("hooks")
        .shows(&harness::certificates::Certificate::good("localhost"))
        .start()
        .await;
    let url = format!("https://localhost:{}/x", hooks.address().port());
    let authority = harness::certificates::authority_pem();
    let edge = two(&primary, &secondary)
        .file("hooks.pem", &authority)
        .and(&format!(
            "\n[[alarm]]\nwebhook = \"{url}\"\nca = \"hooks.pem\"\nheaders = {{ Authorization = \"Bearer me\" }}\n\
             [[alarm]]\nwebhook = \"{url}\"\n"
        ))
        .time_scale(0.05)
        .start()
        .await;

    fails(&edge).await;
    hooks.until_it_read(2).await;

    // Only who was told whom to trust has sent anything.
    let retried = "tideover_alarm_deliveries_total{outcome=\"retried\"}";
    edge.until_metric(retried, 1.0).await;
    assert_eq!(
        stations(&told(&hooks)),
        ["breaker primary begins", "group tiers begins"]
    );
    assert_eq!(hooks.requests()[0].value("authorization"), "Bearer me");
}

#[tokio::test]
async fn what_the_config_does_not_know_any_more_is_over() {
    let primary = flaky("primary").start().await;
    let secondary = origin("secondary").start().await;
    let hooks = receiver([500, 200]).await;
    let alarm = webhook(&hooks, "json", &["breaker"]);
    let edge = two(&primary, &secondary)
        .and(&alarm)
        .time_scale(0.02)
        .start()
        .await;

    fails(&edge).await;
    hooks.until_it_read(1).await;
    // What waits for the same webhook is kept.
    edge.reloads(&format!(
        "[distribution.site.default_behavior]\ntarget = \"secondary\"\n{alarm}\
         [origin.primary]\nurl = \"http://primary.test\"\nbreaker = false\n\
         [origin.secondary]\nurl = \"http://secondary.test\"\n"
    ));
    hooks.until_it_read(3).await;

    let heard = stations(&told(&hooks));
    assert_eq!(
        heard,
        [
            "breaker primary begins",
            "breaker primary begins",
            "breaker primary ends"
        ]
    );
}

#[tokio::test]
async fn pages_that_another_origin_has_are_told_of() {
    let primary = origin("primary").answers(404).start().await;
    let secondary = origin("secondary").start().await;
    let hooks = receiver([200]).await;
    let edge = tiers([&primary, &secondary], [404])
        .and(&webhook(&hooks, "json", &["not_found"]))
        .time_scale(0.05)
        .start()
        .await;

    for _ in 0..60 {
        viewer(&edge).get("/").await.expect(200);
    }
    hooks.until_it_read(1).await;

    let notice = &told(&hooks)[0];
    assert_eq!(stations(&told(&hooks)), ["not_found primary begins"]);
    let text = notice["text"].as_str().expect("a text");
    let words = "primary says 403 or 404 where another origin has the answer: ";
    assert!(text.starts_with(words), "{text}");
}

#[tokio::test]
async fn a_certificate_near_its_end_is_told_of() {
    let primary = origin("primary").start().await;
    let hooks = receiver([200]).await;
    let certificate = harness::certificates::Certificate::lasting("localhost", ms(9 * 86_400_000));
    let config = "[distribution.site.default_behavior]\ntarget = \"primary\"\n";
    let _edge = edge(config)
        .origins([&primary])
        .and(&webhook(&hooks, "json", &["certificate"]))
        .certificate(&certificate)
        .time_scale(0.05)
        .start()
        .await;

    hooks.until_it_read(1).await;
    let notice = &told(&hooks)[0];
    assert_eq!(notice["level"], 2);
    assert_eq!(
        notice["text"],
        "the certificate for localhost ends within 14 days: put a new one in its file; it is read within seconds"
    );
}

#[tokio::test]
async fn a_dead_standby_and_a_record_that_moves_are_told_of() {
    let primary = origin("aws")
        .in_turn([answer(200), answer(503)])
        .start()
        .await;
    let secondary = origin("azure-vm").start().await;
    let hooks = receiver([200]).await;
    let check = "health_check = { path = \"/\", interval = \"1s\", failure_threshold = 2, recovery_threshold = 2 }";
    let edge = edge(&format!(
        "[origin.aws]\nurl = \"http://aws.test\"\n{check}\n\
         [origin.azure-vm]\nurl = \"http://azure-vm.test\"\n\
         [failover_record.app]\nprimary = \"aws\"\nsecondary = \"azure-vm\"\nfail_over = \"auto\"\nfail_back = \"manual\"\n\
         [distribution.site.default_behavior]\ntarget = \"app\"\n"
    ))
    .origins([&primary, &secondary])
    .and(&webhook(&hooks, "json", &["unhealthy", "record"]))
    .time_scale(0.1)
    .start()
    .await;

    hooks.until_it_read(2).await;

    let notices = told(&hooks);
    assert_eq!(
        stations(&notices),
        ["unhealthy aws begins", "record app begins"]
    );
    let moved = notices[1]["text"].as_str().expect("a text");
    assert!(
        moved.starts_with("app moved aws -> azure-vm: aws is unhealthy: 2 of 2 probes failed, ")
            && moved.ends_with("; return is manual: tideover switch app primary"),
        "{moved}"
    );
    viewer(&edge)
        .get("/")
        .await
        .expect(200)
        .body("from azure-vm");
}

/// Its breaker opened, and no request comes that could close it: the record is elsewhere until somebody says otherwise.
#[tokio::test]
async fn a_primary_that_came_back_and_is_not_asked_is_no_alarm() {
    let primary = origin("aws").start().await;
    let secondary = origin("azure-vm").start().await;
    let check = "health_check = { path = \"/\", interval = \"1s\", failure_threshold = 2, recovery_threshold = 2 }";
    let edge = edge(&format!(
        "[faults]\nenabled = true\n[origin.aws]\nurl = \"http://aws.test\"\n{check}\nbreaker = {{ in_a_row = 2 }}\n\
         [origin.azure-vm]\nurl = \"http://azure-vm.test\"\n\
         [failover_record.app]\nprimary = \"aws\"\nsecondary = \"azure-vm\"\nfail_over = \"auto\"\nfail_back = \"manual\"\n\
         [distribution.site.default_behavior]\ntarget = \"app\"\n"
    ))
    .origins([&primary, &secondary])
    .time_scale(0.1)
    .start()
    .await;
    let state = async || {
        let status = operator(&edge).status().await;
        status["origins"][0]["state"].clone()
    };

    let fault = async |change: Value| {
        let response = operator(&edge).posts("/faults", &change).await;
        response.expect(200);
    };
    let until = async |wanted: &str| {
        while state().await != wanted {
            tokio::time::sleep(ms(20)).await;
        }
    };

    fault(json!({ "origin": "aws", "refuse": true })).await;
    // Two that fail, and the breaker is open before the check has found out or the record has moved.
    for _ in 0..2 {
        viewer(&edge).get("/").await;
    }
    patiently("the check finds it out", until("unhealthy")).await;
    let told = operator(&edge).switches("record", "app", "primary").await;
    assert_eq!(
        told["beware"],
        "beware: aws is unhealthy now; tideover switch app auto lets health decide"
    );
    operator(&edge).switches("record", "app", "secondary").await;

    fault(json!({ "origin": "aws", "clear": true })).await;
    patiently("it takes connections", until("untried")).await;
    let amiss = admin(&edge).await["alarms"].to_string();
    assert!(!amiss.contains("contradiction"), "{amiss}");
    let status = operator(&edge).status().await;
    assert_eq!(status["records"][0]["returns_by_hand"], true);
}

#[tokio::test]
async fn what_an_operator_ordered_is_not_forgotten_by_a_restart() {
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let hooks = receiver([200]).await;
    let record = "[failover_record.app]\nprimary = \"primary\"\nsecondary = \"secondary\"\nfail_over = \"manual\"\nfail_back = \"manual\"\n\
                  [distribution.site.default_behavior]\ntarget = \"app\"\n";
    let mut edge = edge(record)
        .origins([&primary, &secondary])
        .and(&webhook(&hooks, "json", &["switch", "record"]))
        .start()
        .await;

    operator(&edge).switches("record", "app", "secondary").await;
    hooks.until_it_read(2).await;
    edge.restarts();
    hooks.until_it_read(4).await;
    operator(&edge).switches("record", "app", "primary").await;
    operator(&edge).switches("record", "app", "auto").await;
    hooks.until_it_read(6).await;

    let mut heard = stations(&told(&hooks));
    // An order and what follows from it come at the same moment.
    for pair in heard.chunks_mut(2) {
        pair.sort();
    }
    assert_eq!(
        heard,
        [
            "record app begins",
            "switch app begins",
            "record app begins",
            "switch app begins",
            "record app ends",
            "switch app ends"
        ]
    );
}
