//! A program without the network.

use camelid_api_types::{
    ApiError, ErrorKind, ResponseStream,
    ollama::{ProgressResponse, PullRequest, PushRequest},
};
use camelid_registry::ModelName;

use crate::{management::job::Reporter, runtime::Runtime};

impl Runtime {
    pub(crate) fn pull_model(
        &self,
        _request: &PullRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        Err(not_built_in())
    }

    pub(crate) fn push_model(
        &self,
        _request: &PushRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        Err(not_built_in())
    }

    /// A model that another one is to be made from.
    pub(in crate::management) async fn fetch_base(
        &self,
        _name: &ModelName,
        _report: &Reporter,
    ) -> Result<(), ApiError> {
        Err(not_built_in())
    }
}

fn not_built_in() -> ApiError {
    ApiError::new(ErrorKind::Unsupported, "pull and push are not built into this program")
}
