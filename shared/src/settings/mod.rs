//! The rules' figures, as a deployment's variables give them. Each reader has
//! beside it the parameters that it reads, for those who declare them.

mod apps;
mod passkeys;

pub use apps::{AndroidApps, android_apps, apple_apps};
pub use passkeys::{PASSKEYS, PasskeySettings, passkeys};

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::domain::credit::Credit;
use crate::domain::limits::{Ceiling, CodeLimits, CrowdLimits, DAY, HOUR, Window};
use crate::domain::numbers::Numbers;
use crate::domain::phone::{Countries, Region};
use crate::domain::phone_lists::{AdminPhones, NumberRanges, TestPhones};

/// What [`code_limits`] reads.
pub const CODE_LIMITS: &[&Parameter] = &[
    config::CODE_LENGTH,
    config::CODE_TTL,
    config::MAX_ATTEMPTS,
    config::RESEND_COOLDOWN,
    config::CODES_PER_PHONE_HOUR,
    config::CODES_PER_PHONE_DAY,
    config::GUESSES_PER_PHONE_DAY,
];

/// What bounds codes and guesses per phone.
pub fn code_limits(vars: &Vars) -> Result<CodeLimits, BadParameter> {
    let window = |parameter, seconds| vars.number(parameter, 0..=50).map(|most| Window { most, seconds });
    Ok(CodeLimits {
        length: vars.number(config::CODE_LENGTH, 4..=8)?,
        ttl: vars.number(config::CODE_TTL, 30..=3_600)?,
        max_attempts: vars.number(config::MAX_ATTEMPTS, 0..=50)?,
        cooldown: Window { most: 1, seconds: vars.number(config::RESEND_COOLDOWN, 0..=3_600)?.into() },
        per_hour: window(config::CODES_PER_PHONE_HOUR, HOUR)?,
        per_day: window(config::CODES_PER_PHONE_DAY, DAY)?,
        guesses_per_day: window(config::GUESSES_PER_PHONE_DAY, DAY)?,
    })
}

/// What [`crowd_limits`] reads.
pub const CROWD_LIMITS: &[&Parameter] =
    &[config::CODES_PER_IP_HOUR, config::GUESSES_PER_IP_HOUR, config::TEXTS_PER_DAY, config::TEXTS_RESERVED];

/// What bounds the deployment, and each address that asks it.
pub fn crowd_limits(vars: &Vars) -> Result<CrowdLimits, BadParameter> {
    let window =
        |parameter, seconds| vars.number(parameter, 0..=1_000_000_000).map(|most| Window { most, seconds });
    Ok(CrowdLimits {
        codes_per_address: window(config::CODES_PER_IP_HOUR, HOUR)?,
        guesses_per_address: window(config::GUESSES_PER_IP_HOUR, HOUR)?,
        texts: Ceiling::reserving(
            window(config::TEXTS_PER_DAY, DAY)?,
            vars.number(config::TEXTS_RESERVED, 0..=100)?,
        ),
    })
}

/// How many wrong invite codes a phone may enter in a day.
pub fn invite_guesses(vars: &Vars) -> Result<Window, BadParameter> {
    let most = vars.number(config::INVITE_GUESSES_PER_DAY, 0..=1_000_000)?;
    Ok(Window { most, seconds: DAY })
}

/// What [`credit`] reads.
pub const CREDIT: &[&Parameter] =
    &[config::GUARD_STOCKS, config::TEXTS_PER_DAY, config::CODES_PER_PHONE_HOUR, config::DEFAULT_REGION];

/// The stocks of the guard against pumping; `None` where it is off.
pub fn credit(vars: &Vars) -> Result<Option<Credit>, BadParameter> {
    let percent = vars.number(config::GUARD_STOCKS, 0..=10_000)?;
    let texts = vars.number(config::TEXTS_PER_DAY, 0..=1_000_000_000)?;
    let person = vars.number(config::CODES_PER_PHONE_HOUR, 0..=50)?;
    let credit = Credit::of(texts, person, Some(region(vars)?)).scaled(percent);
    Ok((percent > 0).then_some(credit))
}

/// What [`proof_cost`] reads.
pub const PROOFS: &[&Parameter] = &[config::PROOF_COST];

/// How hard the easiest proof is.
pub fn proof_cost(vars: &Vars) -> Result<u32, BadParameter> {
    vars.number(config::PROOF_COST, 1..=100_000)
}

/// The region in whose way numbers are read.
pub fn region(vars: &Vars) -> Result<Region, BadParameter> {
    vars.parsed(config::DEFAULT_REGION)
}

/// The countries whose numbers are texted.
pub fn countries(vars: &Vars) -> Result<Countries, BadParameter> {
    vars.parsed(config::ALLOWED_COUNTRIES)
}

/// What [`numbers`] reads.
pub const NUMBERS: &[&Parameter] =
    &[config::DEFAULT_REGION, config::TEST_PHONES, config::EXTRA_NUMBER_RANGES];

/// How phone numbers are read.
pub fn numbers(vars: &Vars) -> Result<Numbers, BadParameter> {
    let ranges = NumberRanges::parse(vars.text(config::EXTRA_NUMBER_RANGES))
        .map_err(|problem| BadParameter { name: config::EXTRA_NUMBER_RANGES.name, problem })?;
    Ok(Numbers::new(region(vars)?, test_phones(vars)?, ranges))
}

/// What [`test_phones`] reads.
pub const TEST_PHONES: &[&Parameter] = &[config::TEST_PHONES, config::DEFAULT_REGION];

/// Numbers with a fixed code.
pub fn test_phones(vars: &Vars) -> Result<TestPhones, BadParameter> {
    TestPhones::parse(vars.text(config::TEST_PHONES), region(vars)?)
        .map_err(|problem| BadParameter { name: config::TEST_PHONES.name, problem })
}

/// What [`admin_phones`] reads.
pub const ADMIN_PHONES: &[&Parameter] =
    &[config::ADMIN_PHONES, config::DEFAULT_REGION, config::TEST_PHONES, config::EXTRA_NUMBER_RANGES];

/// Numbers whose accounts are admins' from the moment they are made. Never a
/// test number: whoever knows its code would be an admin.
pub fn admin_phones(vars: &Vars) -> Result<AdminPhones, BadParameter> {
    let bad = |problem| BadParameter { name: config::ADMIN_PHONES.name, problem };
    let numbers = numbers(vars)?;
    let read = |text| numbers.read(text, None).map_err(|error| bad(format!("{text:?}: {error}")));
    let admins: AdminPhones = vars.list(config::ADMIN_PHONES).map(read).collect::<Result<_, _>>()?;
    if numbers.testers().names_any(&admins) {
        return Err(bad(format!("{} names the same number", config::TEST_PHONES.name)));
    }
    Ok(admins)
}

/// For how many days the audit trail keeps an entry; `None`: for ever.
pub fn audit_days(vars: &Vars) -> Result<Option<u32>, BadParameter> {
    Ok(Some(vars.number(config::AUDIT_DAYS, 0..=3_650)?).filter(|days| *days > 0))
}

/// What [`recovery_hold`] reads.
pub const RECOVERY: &[&Parameter] = &[config::RECOVERY_HOLD];

/// For how many seconds the move of an account whose number is lost can be stopped.
pub fn recovery_hold(vars: &Vars) -> Result<u32, BadParameter> {
    vars.number(config::RECOVERY_HOLD, 0..=2_592_000)
}

/// Whether phones of others are masked in a profile.
pub fn masks_phones(vars: &Vars) -> Result<bool, BadParameter> {
    match vars.text(config::SHOW_PHONES) {
        "full" => Ok(false),
        "masked" => Ok(true),
        other => {
            let problem = format!("must be full or masked, not {other:?}");
            Err(BadParameter { name: config::SHOW_PHONES.name, problem })
        }
    }
}

/// Whether `REVEAL_CODE` puts the code into the answer; refused in a
/// deployment, where it would let anybody sign in as anybody.
pub fn reveals_code(vars: &Vars) -> Result<bool, BadParameter> {
    let reveals = vars.flag(config::REVEAL_CODE)?;
    if reveals && vars.is_deployed() {
        let problem = "would let anybody sign in as anybody: never in a deployed function".to_owned();
        return Err(BadParameter { name: config::REVEAL_CODE.name, problem });
    }
    Ok(reveals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployed_function_reveals_no_code() {
        let vars = Vars::from_iter([("AWS_LAMBDA_FUNCTION_NAME", "request-code"), ("REVEAL_CODE", "true")]);
        assert!(reveals_code(&vars).unwrap_err().to_string().starts_with("REVEAL_CODE: "));
        for local in [("AWS_SAM_LOCAL", "true"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000")] {
            assert_eq!(reveals_code(&vars.clone().with(local.0, local.1)), Ok(true));
        }
    }

    #[test]
    fn an_admin_is_no_tester() {
        let vars = Vars::from_iter([("TEST_PHONES", "+12015550123=1234@2026-12-31")]);
        for (listed, is_good) in [("+79000000001, 8 900 000 00 02", true), ("+1 201-555-0123", false)] {
            let admins = admin_phones(&vars.clone().with("ADMIN_PHONES", listed));
            assert_eq!(admins.is_ok(), is_good, "{listed}");
        }
    }

    #[test]
    fn what_is_bad_is_named() {
        for (name, value) in [
            ("GUARD_STOCKS", "-1"),
            ("GUARD_STOCKS", "10001"),
            ("GUARD_STOCKS", "a tenth"),
            ("PROOF_COST", "0"),
            ("ALLOWED_COUNTRIES", "Russia"),
            ("ADMIN_PHONES", "+79000000001,abc"),
            ("TEST_PHONES", "+12015550123"),
            ("SHOW_PHONES", "some"),
            ("CODE_LENGTH", "3"),
            ("TEXTS_PER_DAY", "-1"),
        ] {
            let vars = Vars::from_iter([(name, value)]);
            let errors = [
                credit(&vars).err(),
                proof_cost(&vars).err(),
                countries(&vars).err(),
                admin_phones(&vars).err(),
                test_phones(&vars).err(),
                masks_phones(&vars).err(),
                code_limits(&vars).err(),
                crowd_limits(&vars).err(),
            ];
            assert!(errors.iter().flatten().any(|error| error.name == name), "{name}={value}");
        }
    }
}
