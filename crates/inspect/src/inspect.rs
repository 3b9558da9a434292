//! The order of questions: does it forward, of which kind is it, who can upgrade it, does it come back.

use crate::{
    candidate::{Candidate, rehearse},
    code::delegation,
    controllers::{controllers, own_functions, power},
    error::{InspectError, key},
    header::hold,
    history::{Asked, history},
    kinds::{self, Recognized, Subject},
    prove::{Proof, prove, prove_with_stand_in},
    routes::routes,
    session::{Moment, Session, request},
    trace::{Forward, forward, forward_some},
    vacant,
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use cutover_chain::Node;
use cutover_evm::Request;
use cutover_types::{
    CallKind, Inspection, Missing, ProxyKind, UpgradePath, Verb,
    abi::{ADMIN_SLOT, BEACON_SLOT, IMPLEMENTATION_SLOT, ZOS_ADMIN_SLOT, ZOS_IMPLEMENTATION_SLOT},
    inspection::{
        CodeAt, Controller, Location, Possible, Power, ProxyFacts, RollbackFacts, UpgradeFacts,
    },
    progress::Progress,
};

/// Finds out which proxy `proxy` is at `block` (the newest when `None`), who can upgrade it, and
/// whether the way back is open. An address that is no proxy is an answer: `proxy` is `None` then,
/// and `notes` say why.
///
/// # Errors
/// When the node does not give what is needed to tell.
pub async fn inspect(
    node: &Node,
    proxy: Address,
    block: Option<u64>,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    let moment = Moment::After(block);
    told(node, proxy, moment, progress).await
}

/// [`inspect`] about one facet of a diamond, if it is a diamond.
///
/// # Errors
/// As [`inspect`]; also when it has no such facet.
pub async fn inspect_facet(
    node: &Node,
    proxy: Address,
    block: Option<u64>,
    facet: Address,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    let moment = Moment::After(block);
    told_of(node, proxy, moment, Some(facet), progress).await
}

/// [`inspect`], and the upgrade to `candidate`, the way back and the upgrade again, executed one after the
/// other in one state.
///
/// # Errors
/// As [`inspect`].
pub async fn inspect_candidate(
    node: &Node,
    proxy: Address,
    block: Option<u64>,
    candidate: &Candidate,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    progress.start("inspecting the proxy", None);
    let looked = async {
        let mut session = Session::open(node, proxy, Moment::After(block)).await?;
        session.facet = candidate.facet;
        let mut inspection = report(&mut session, proxy, progress).await?;
        inspection.header_proof = hold(&session, &inspection).await?;
        inspection.candidate = Some(rehearse(&mut session, &inspection, candidate).await?);
        Ok(inspection)
    };
    let inspection = looked.await;
    progress.finish();
    inspection
}

/// [`inspect`] before the first transaction of `block`: on the state of its parent, whose own header
/// is not needed. This is what a recording that begins with `block` starts from. Of a diamond it is
/// about `facet`, if one is given.
///
/// # Errors
/// As [`inspect`].
pub async fn inspect_before(
    node: &Node,
    proxy: Address,
    block: u64,
    facet: Option<Address>,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    told_of(node, proxy, Moment::Before(block), facet, progress).await
}

async fn told(
    node: &Node,
    proxy: Address,
    moment: Moment,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    told_of(node, proxy, moment, None, progress).await
}

async fn told_of(
    node: &Node,
    proxy: Address,
    moment: Moment,
    facet: Option<Address>,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    progress.start("inspecting the proxy", None);
    let looked = async {
        let mut session = Session::open(node, proxy, moment).await?;
        session.facet = facet;
        let mut inspection = report(&mut session, proxy, progress).await?;
        inspection.header_proof = hold(&session, &inspection).await?;
        Ok(inspection)
    };
    let inspection = looked.await;
    progress.finish();
    inspection
}

/// [`inspect`] in a session that is open.
pub(crate) async fn report(
    session: &mut Session,
    proxy: Address,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    let mut inspection = Inspection {
        address: proxy,
        chain_id: session.chain_id,
        block: session.block,
        proxy: None,
        upgrade: None,
        controllers: Vec::new(),
        power: None,
        rollback: None,
        history: Vec::new(),
        header_proof: None,
        candidate: None,
        notes: Vec::new(),
    };
    let subject = match subject(session, proxy).await? {
        Ok(subject) => subject,
        Err(why) => {
            inspection.notes.push(why);
            return Ok(inspection);
        }
    };
    if let Some(facet) = session.facet
        && subject.forward.target != facet
    {
        return Err(InspectError::NoFacet { proxy, facet });
    }
    progress.advance(1);
    let mut recognized = kinds::recognize(session, &subject).await?;
    progress.advance(1);
    let forward = recognized.runs.as_ref().unwrap_or(&subject.forward);
    let implementation = forward.target;
    let location = forward.location.clone();
    let proofs = proofs(session, &recognized, implementation).await?;
    progress.advance(1);
    inspection.controllers = controllers(
        session,
        proxy,
        implementation,
        tried(&recognized, &proofs),
        recognized.beacon.or(recognized.admin),
    )
    .await?;
    if let Some((_, proof)) = best(&proofs).filter(|(_, proof)| proof.hollow) {
        disprove(&mut inspection.controllers, proof.why.as_deref());
    }
    vacant::settle(
        session,
        &subject,
        &mut recognized,
        implementation,
        &mut inspection.controllers,
    )
    .await?;
    let asked = past(proxy, &location, implementation, &recognized, &proofs);
    let (past, how) = match (&recognized.shut, &location) {
        // What stands in the code was always that.
        (Some(_), Location::Code) => (Vec::new(), None),
        // A recording asks for the way to upgrade; the past costs hundreds of reads.
        _ if !session.wants_past => (Vec::new(), None),
        _ => history(session, &asked).await,
    };
    inspection.history = past;
    inspection.notes.extend(how);
    progress.advance(1);
    let code_hash = match session.code(implementation).await? {
        Some(code) => keccak256(code),
        None => {
            inspection.notes.push(format!(
                "the node does not give {}: its code hash is not known",
                key(&Missing::Account {
                    address: implementation
                })
            ));
            Default::default()
        }
    };
    let runs = CodeAt {
        address: implementation,
        code_hash,
    };
    let (upgrade, rollback) = answers(&recognized, &proofs, &runs);
    inspection.power = takes(
        &inspection.controllers,
        &recognized,
        &rollback,
        upgrade.as_ref(),
    );
    if let Some(power) = &mut inspection.power
        && let Some(why) = own_functions(
            recognized.kind,
            &subject.code,
            &session.targets(&subject.code).selectors,
        )
    {
        power.complete = false;
        power.unknown.push(why);
    }
    if let Some(power) = &mut inspection.power
        && !recognized.untold.is_empty()
    {
        power.complete = false;
        power.unknown.append(&mut recognized.untold);
    }
    inspection.upgrade = upgrade;
    inspection.rollback = Some(rollback);
    inspection.notes.extend(notes(&subject, code_hash));
    inspection.notes.extend(recognized.shut);
    inspection.notes.extend(recognized.notes);
    inspection.proxy = Some(ProxyFacts {
        kind: recognized.kind,
        implementation: runs,
        location,
        admin: recognized.admin,
        beacon: recognized.beacon,
        facets: recognized.facets,
        conflicts: recognized.conflicts,
    });
    Ok(inspection)
}

/// The calls whose execution reads the state an upgrade along `path` needs: to today's implementation,
/// without and with initializer data, where the kind takes data at all.
pub fn upgrade_requests(path: &UpgradePath, current: &CodeAt) -> Vec<Request> {
    let plain = path.calls(current, &Bytes::new());
    let with_data = match path.verb_with_data {
        Some(verb) if verb != path.verb || verb == Verb::Steps => UpgradePath {
            verb,
            steps: [&path.steps_with_data, &path.steps]
                [usize::from(path.steps_with_data.is_empty())]
            .clone(),
            ..path.clone()
        }
        .calls(current, &Bytes::new()),
        _ => None,
    };
    let mut requests: Vec<Request> = Vec::new();
    for step in plain.into_iter().chain(with_data).flatten() {
        let request = request(step.from, step.call.to, step.call.data);
        if !requests.contains(&request) {
            requests.push(request);
        }
    }
    requests
}

/// What is looked at, or why it is no proxy.
pub(crate) async fn subject(
    session: &mut Session,
    proxy: Address,
) -> Result<Result<Subject, String>, InspectError> {
    let slots = [
        IMPLEMENTATION_SLOT,
        ADMIN_SLOT,
        BEACON_SLOT,
        ZOS_IMPLEMENTATION_SLOT,
        ZOS_ADMIN_SLOT,
    ];
    let account = Missing::Account { address: proxy };
    let slots = slots.map(|slot| Missing::Slot {
        address: proxy,
        slot,
    });
    // Where many share a round trip, it costs less than slots nobody asks for.
    let likely = if session.is_alone() { &slots[..] } else { &[] };
    let likely = likely.iter().copied();
    session.prefetch(likely.chain([account])).await?;
    let Some(code) = session.code(proxy).await? else {
        return Err(session.cannot_tell(account));
    };
    if code.is_empty() {
        return Ok(Err("the account has no code".into()));
    }
    if let Some(target) = delegation(&code) {
        return Ok(Ok(Subject {
            proxy,
            code,
            forward: Forward {
                target,
                location: Location::Code,
                kind: Some(CallKind::DelegateCall),
                question: None,
                fixed: true,
                next: forward(session, proxy).await?.map(Box::new),
                unread: None,
            },
            routes: None,
        }));
    }
    let fallback = forward(session, proxy).await?;
    let routed = routes(session, proxy, &code, fallback.as_ref()).await?;
    let found = match (routed, fallback) {
        (Some((forward, routes)), _) => Some((forward, Some(routes))),
        (None, fallback) => fallback.map(|forward| (forward, None)),
    };
    if let Some((forward, routes)) = found {
        return Ok(Ok(Subject {
            proxy,
            code,
            forward,
            routes,
        }));
    }
    // It forwards no stranger's unknown call, but holds an implementation where a proxy does.
    session.prefetch(slots).await?;
    for slot in [IMPLEMENTATION_SLOT, ZOS_IMPLEMENTATION_SLOT] {
        let value = session.slot(proxy, slot).await?.unwrap_or_default();
        let target = Address::from_word(value.into());
        if value == U256::from_be_bytes(target.into_word().0)
            && !target.is_zero()
            && session
                .code(target)
                .await?
                .is_some_and(|code| !code.is_empty())
        {
            return Ok(Ok(Subject {
                proxy,
                code,
                forward: Forward {
                    target,
                    location: Location::Slot(slot),
                    kind: None,
                    question: None,
                    fixed: false,
                    next: None,
                    unread: None,
                },
                routes: None,
            }));
        }
    }
    if let Some(forward) = forward_some(session, proxy, &code).await? {
        return Ok(Ok(Subject {
            proxy,
            code,
            forward,
            routes: None,
        }));
    }
    let targets = session.targets(&code);
    if let Some(source) = targets.decided().next() {
        let what = kinds::elsewhere::words(source, proxy);
        return Err(InspectError::NotTaken { proxy, what });
    }
    let beacon = session.slot(proxy, BEACON_SLOT).await?.unwrap_or_default();
    Ok(Err(if beacon.is_zero() {
        "it forwards no call".into()
    } else {
        format!("it forwards no call, although its beacon slot holds {beacon:#x}")
    }))
}

/// Executes every path, until one is proven.
pub(crate) async fn proofs(
    session: &mut Session,
    recognized: &Recognized,
    implementation: Address,
) -> Result<Vec<(UpgradePath, Proof)>, InspectError> {
    let mut proofs = Vec::new();
    for path in &recognized.paths {
        let mut proof = prove(session, path, implementation).await?;
        if !proof.proven && recognized.reinitializes {
            proof = prove_with_stand_in(session, path, implementation).await?;
        }
        let proven = proof.proven;
        proofs.push((path.clone(), proof));
        if proven {
            break;
        }
    }
    Ok(proofs)
}

fn best(proofs: &[(UpgradePath, Proof)]) -> Option<&(UpgradePath, Proof)> {
    proofs
        .iter()
        .find(|(_, proof)| proof.proven)
        .or_else(|| proofs.first())
}

/// The tree where the upgrade was seen to do nothing: that it is sent from there proves nothing either.
fn disprove(controllers: &mut [Controller], why: Option<&str>) {
    for controller in controllers {
        if controller.proven {
            controller.proven = false;
            controller.why = why.map(str::to_owned);
        }
        disprove(&mut controller.members, why);
    }
}

/// The best path as the report shows it. Without a sender the call is still worth showing.
fn answers(
    recognized: &Recognized,
    proofs: &[(UpgradePath, Proof)],
    current: &CodeAt,
) -> (Option<UpgradeFacts>, RollbackFacts) {
    let unsent = recognized.unsent.as_ref();
    let (path, proof) = match (best(proofs), unsent) {
        (Some((path, proof)), _) => (path, proof.clone()),
        (None, Some((path, why))) => (path, Proof::unknown(why)),
        (None, None) => {
            let (possible, why) = match (&recognized.shut, recognized.kind) {
                (Some(why), _) => (Possible::No, why.as_str()),
                (None, ProxyKind::Unknown | ProxyKind::PackedSlot) => {
                    (Possible::Unknown, "how it is upgraded is not known")
                }
                (None, _) => {
                    let nobody = "nobody was found who can upgrade it";
                    let why = recognized.without_call.as_deref().unwrap_or(nobody);
                    (Possible::Unknown, why)
                }
            };
            let rollback = RollbackFacts {
                possible,
                data: Bytes::new(),
                why: Some(why.into()),
            };
            return (None, rollback);
        }
    };
    let calls = path.calls(current, &Bytes::new()).unwrap_or_default();
    let data = calls
        .first()
        .map(|step| step.call.data.clone())
        .unwrap_or_default();
    let upgrade = UpgradeFacts {
        verb: path.name(),
        from: path.from,
        to: path.to,
        data,
        proven: proof.proven,
        why: proof.why,
        then: calls.into_iter().skip(1).collect(),
        path: path.clone(),
    };
    let back = path.back().calls(current, &Bytes::new());
    let data = back
        .and_then(|calls| calls.into_iter().next())
        .map(|step| step.call.data)
        .unwrap_or_default();
    let rollback = RollbackFacts {
        possible: proof.back,
        data,
        why: proof.why_back,
    };
    (Some(upgrade), rollback)
}

/// Whom a contract obeys that may be a proxy itself.
pub(crate) enum Obeyed {
    /// It forwards nothing.
    NoProxy,
    /// It forwards to an address in its code, or nobody can upgrade it.
    Immutable,
    /// It is a proxy, and who upgrades it is not known: why.
    Nobody(String),
    /// The best way to upgrade it, and what it runs; whether nobody can but who is found along it.
    Path(Box<UpgradePath>, Address, bool),
}

/// The kind of question [`inspect`] answers, asked of a controller.
pub(crate) async fn obeyed(
    session: &mut Session,
    address: Address,
) -> Result<Obeyed, InspectError> {
    let Ok(subject) = subject(session, address).await? else {
        return Ok(Obeyed::NoProxy);
    };
    let recognized = kinds::recognize(session, &subject).await?;
    let forward = recognized.runs.as_ref().unwrap_or(&subject.forward);
    let implementation = forward.target;
    let proofs = proofs(session, &recognized, implementation).await?;
    let closed = recognized.shut.is_some()
        && recognized.vacant.is_some()
        && vacant::further(session, &subject, implementation)
            .await?
            .is_none();
    Ok(match tried(&recognized, &proofs) {
        Some(path) => Obeyed::Path(Box::new(path.clone()), implementation, closed),
        None if recognized.shut.is_some() => Obeyed::Immutable,
        None => Obeyed::Nobody(
            recognized
                .without_call
                .unwrap_or_else(|| "who upgrades it is not known".into()),
        ),
    })
}

/// The path that the tree is tried with: the best, or one of which nobody was found who sends it.
fn tried<'a>(
    recognized: &'a Recognized,
    proofs: &'a [(UpgradePath, Proof)],
) -> Option<&'a UpgradePath> {
    let unsent = recognized.unsent.as_ref().map(|(path, _)| path);
    let path = best(proofs).map(|(path, _)| path).or(unsent);
    path.or(recognized.vacant.as_ref())
}

/// Whose former implementations are asked for, and where it keeps them.
fn past(
    proxy: Address,
    location: &Location,
    current: Address,
    recognized: &Recognized,
    proofs: &[(UpgradePath, Proof)],
) -> Asked {
    let kind = recognized.kind;
    let (holder, slot) = match (location, tried(recognized, proofs)) {
        (Location::Slot(slot), _) => (proxy, Some(*slot)),
        (_, Some(path)) => (path.holder, Some(path.slot)),
        _ => (proxy, None),
    };
    Asked {
        holder: recognized.beacon.unwrap_or(holder),
        kind,
        slot,
        current,
    }
}

/// What an upgrade takes; `None` when nothing does it.
fn takes(
    controllers: &[Controller],
    recognized: &Recognized,
    rollback: &RollbackFacts,
    upgrade: Option<&UpgradeFacts>,
) -> Option<Power> {
    if recognized.shut.is_some() {
        return None;
    }
    let mut power = power(controllers);
    if controllers.is_empty() {
        power.complete = false;
        power.unknown.extend(rollback.why.clone());
    }
    // Where nobody can at once, the paths of the tree were executed with their waits.
    let late = recognized.unsent.is_some() && power.paths.iter().any(|path| path.proven);
    if upgrade.is_some_and(|upgrade| !upgrade.proven) && !late {
        power.complete = false;
        let why = "the upgrade was not seen to work: this is what contracts say of themselves";
        power.unknown.push(why.into());
    }
    Some(power)
}

fn notes(subject: &Subject, code_hash: alloy_primitives::B256) -> Vec<String> {
    let mut notes = Vec::new();
    match subject.forward.kind {
        Some(CallKind::Call) => notes
            .push("it forwards by a call, not a delegate call: the state is the target's".into()),
        None => notes.push("it forwards no unknown call of a stranger".into()),
        Some(_) => {}
    }
    if code_hash == alloy_primitives::KECCAK256_EMPTY {
        notes.push("the implementation has no code".into());
    }
    notes
}
