//! What each decision of a request costs, without a socket: the part of a request that is ours.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use http::{Method, StatusCode, Uri, Version};
use tideover_benches::{
    THREE_TIERS, Visit, answered, application, browser, edge, load_generator, many_behaviors,
    refused, server,
};
use tideover_rules::admit::admit;
use tideover_rules::failover::{Ask, next_step};
use tideover_rules::fields::{Fields, Survey};
use tideover_rules::headers::{Frame, for_origin, for_viewer};
use tideover_rules::route::route;
use tideover_rules::told::{self, AnsweredBy};

const A_READ: Ask = Ask {
    may_fall_through: true,
    may_repeat: true,
    may_reconnect: true,
};

fn surveying(criterion: &mut Criterion) {
    for (question, headers) in [
        ("survey_a_browsers_head", browser()),
        ("survey_a_load_generators_head", load_generator()),
        ("survey_the_head_of_an_application", application()),
    ] {
        criterion.bench_function(question, |bencher| {
            bencher.iter(|| Survey::of(black_box(&headers)));
        });
    }
}

fn admitting(criterion: &mut Criterion) {
    let headers = browser();
    let target = Uri::from_static("/owners?lastName=Okafor");
    criterion.bench_function("admit_a_browsers_head", |bencher| {
        bencher.iter(|| {
            admit(
                black_box(&Method::GET),
                black_box(&target),
                Version::HTTP_11,
                Fields::of(black_box(&headers)),
            )
            .is_ok()
        });
    });
}

fn routing(criterion: &mut Criterion) {
    let few = edge(THREE_TIERS);
    let visit = Visit::get("/owners?lastName=Okafor", browser());
    criterion.bench_function("route_to_the_default_behavior", |bencher| {
        bencher.iter(|| route(black_box(&few), black_box(&visit.arrival())).is_ok());
    });

    let many = many_behaviors(250);
    for (question, path) in [
        ("route_among_250_behaviors_to_the_first", "/service-0/cart"),
        ("route_among_250_behaviors_to_the_last", "/service-249/cart"),
        ("route_among_250_behaviors_to_the_default", "/elsewhere"),
    ] {
        let visit = Visit::get(path, browser());
        criterion.bench_function(question, |bencher| {
            bencher.iter(|| route(black_box(&many), black_box(&visit.arrival())).is_ok());
        });
    }
}

fn heads(criterion: &mut Criterion) {
    let edge = edge(THREE_TIERS);
    let vm = server(&edge, "vm");
    for (question, headers) in [
        ("origin_request_head_from_a_browser", browser()),
        (
            "origin_request_head_from_a_load_generator",
            load_generator(),
        ),
    ] {
        let visit = Visit::get("/owners?lastName=Okafor", headers);
        let arrival = visit.arrival();
        let route = route(&edge, &arrival).expect("the default behavior takes it");
        let frame = Frame::of(route.distribution, route.behavior);
        criterion.bench_function(question, |bencher| {
            bencher.iter(|| {
                for_origin(
                    black_box(&route),
                    &frame,
                    vm,
                    visit.request(),
                    &visit.viewer(),
                )
            });
        });
    }

    let visit = Visit::get("/owners?lastName=Okafor", browser());
    let arrival = visit.arrival();
    let route = route(&edge, &arrival).expect("the default behavior takes it");
    let answer = application();
    criterion.bench_function("viewer_response_head_of_an_application", |bencher| {
        bencher.iter_batched(
            || answer.clone(),
            |mut headers| {
                let (viewer, request) = (visit.viewer(), visit.request());
                for_viewer(
                    &edge,
                    &route,
                    &viewer,
                    request,
                    StatusCode::OK,
                    Survey::of(&headers),
                    &mut headers,
                );
                headers // dropped outside of the time taken
            },
            BatchSize::SmallInput,
        );
    });
}

fn failover(criterion: &mut Criterion) {
    let edge = edge(THREE_TIERS);
    let visit = Visit::get("/owners", load_generator());
    let arrival = visit.arrival();
    let target = route(&edge, &arrival)
        .expect("the default behavior takes it")
        .target;
    let cases = [
        ("next_step_of_a_new_request", Vec::new()),
        ("next_step_after_a_200", vec![answered(0, StatusCode::OK)]),
        (
            "next_step_after_a_503",
            vec![answered(0, StatusCode::SERVICE_UNAVAILABLE)],
        ),
        ("next_step_after_a_refused_connection", vec![refused(0)]),
        (
            "next_step_after_a_soft_404_and_a_dead_tier",
            vec![answered(0, StatusCode::NOT_FOUND), refused(1), refused(1)],
        ),
    ];
    for (question, past) in &cases {
        criterion.bench_function(question, |bencher| {
            let elapsed = Duration::from_millis(13);
            bencher.iter(|| next_step(black_box(target), A_READ, &[], black_box(past), elapsed));
        });
    }
}

fn telling(criterion: &mut Criterion) {
    let edge = edge(THREE_TIERS);
    let visit = Visit::get("/owners", load_generator());
    let arrival = visit.arrival();
    let target = route(&edge, &arrival)
        .expect("the default behavior takes it")
        .target;
    let past = [
        answered(0, StatusCode::SERVICE_UNAVAILABLE),
        answered(1, StatusCode::OK),
    ];
    criterion.bench_function("attempts_header_after_a_fall_through", |bencher| {
        bencher.iter(|| told::attempts(target, &edge.origins, black_box(&past)));
    });
    criterion.bench_function("proxy_status_after_a_fall_through", |bencher| {
        let by = AnsweredBy::Attempt(1);
        bencher.iter(|| {
            told::proxy_status(
                "tideover",
                Some(target),
                &edge.origins,
                black_box(&past),
                by,
                None,
            )
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    surveying(&mut criterion);
    admitting(&mut criterion);
    routing(&mut criterion);
    heads(&mut criterion);
    failover(&mut criterion);
    telling(&mut criterion);
    criterion.final_summary();
}
