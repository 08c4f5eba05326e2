Redoc.init("openapi.json", { hideDownloadButtons: false, sortTagsAlphabetically: false }, document.getElementById("redoc"));
