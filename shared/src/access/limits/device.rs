use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::access::trust::Trust;
use crate::domain::device_token::DeviceToken;
use crate::domain::phone::Phone;
use crate::domain::user::Status;
use crate::tables::users::Users;

/// That the device which a request names is still listed by the user who has the
/// phone. It takes nothing; where it is not, the request is a stranger's.
pub struct ListedDevice<'a> {
    users: &'a Users,
    device: Option<&'a DeviceToken>,
    phone: &'a Phone,
}

impl<'a> ListedDevice<'a> {
    /// Of `device`, which came with `phone`; of none, where none is asked about.
    pub const fn new(users: &'a Users, device: Option<&'a DeviceToken>, phone: &'a Phone) -> Self {
        Self { users, device, phone }
    }
}

impl Limit for ListedDevice<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let Some(device) = self.device else { return Verdict::Granted };
            match self.users.get(&device.user_id).await {
                Ok(Some(user))
                    if user.phone == *self.phone
                        && user.status == Status::Active
                        && user.devices.contains(&device.device_id) =>
                {
                    Verdict::Granted
                }
                Ok(_) => Verdict::Less(Trust::None),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }
}
