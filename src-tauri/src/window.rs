//! The window: opening it, raising it, and what the platform's web view has to be told.

use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::ProfileFolders;

/// The label of the one window.
pub(crate) const MAIN: &str = "main";

/// Opens the main window.
pub(crate) fn open(app: &AppHandle, folders: &ProfileFolders) -> tauri::Result<()> {
    let builder = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()));
    // Where nothing can be written the window still opens, to say so.
    let mut web_view = folders.web_view();
    if std::fs::create_dir_all(&web_view).is_err() {
        web_view = std::env::temp_dir().join(format!("rejoin-webview-{}", std::process::id()));
    }
    let window = builder
        .data_directory(web_view)
        .title("Rejoin")
        .inner_size(1280.0, 800.0)
        .min_inner_size(480.0, 400.0)
        // Notes are dragged inside the page; the native handler would swallow that.
        .disable_drag_drop_handler()
        .on_navigation(is_own_page)
        .build()?;
    #[cfg(target_os = "linux")]
    if !has_graphics_processor(std::path::Path::new("/dev")) {
        paint_in_software(&window)?;
    }
    enable_text_input(&window)
}

/// Brings the main window to the front, as a second start of the same profile asks for.
pub(crate) fn raise(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        let raised =
            window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        match raised {
            Ok(()) => tracing::debug!("the window was raised for a second start"),
            Err(error) => tracing::warn!(%error, "the window could not be raised"),
        }
    }
}

/// The window only ever shows the app itself. Links of a note open in the browser, by a command.
fn is_own_page(url: &tauri::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "tauri"
        || host == "tauri.localhost"
        || (cfg!(dev) && host == "localhost")
        || url.as_str() == "about:blank"
}

/// Whether anything here can draw but the main processor: a render node of the kernel, a driver of
/// Nvidia's, or the host's under WSL.
#[cfg(target_os = "linux")]
fn has_graphics_processor(devices: &std::path::Path) -> bool {
    let nodes = std::fs::read_dir(devices.join("dri")).into_iter().flatten().flatten();
    nodes.into_iter().any(|node| node.file_name().to_string_lossy().starts_with("renderD"))
        || ["nvidiactl", "dxg"].iter().any(|name| devices.join(name).exists())
}

/// Has the web view paint the page itself. Without a graphics processor its other way is an OpenGL
/// that is emulated: that compiles a program for each new kind of shape, which held frames back for
/// half a second now and then, and takes twice the time for all others.
#[cfg(target_os = "linux")]
fn paint_in_software(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt as _, WebViewExt as _};

    window.with_webview(|view| {
        if let Some(settings) = view.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
            tracing::debug!("the page is painted without a graphics processor");
        }
    })
}

/// Turns on what the web view leaves off on Linux: the preview of a composed character and spell checking.
#[cfg(target_os = "linux")]
fn enable_text_input(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{InputMethodContextExt as _, WebContextExt as _, WebViewExt as _};

    let languages = spelling_languages(std::env::var("LANG").ok().as_deref());
    window.with_webview(move |view| {
        let view = view.inner();
        if let Some(input) = view.input_method_context() {
            input.set_enable_preedit(true);
            tracing::debug!("preedit is shown");
        }
        if let Some(context) = view.context() {
            let languages: Vec<&str> = languages.iter().map(String::as_str).collect();
            context.set_spell_checking_languages(&languages);
            context.set_spell_checking_enabled(true);
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn enable_text_input(_window: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

/// The dictionaries to check with: that of the person's locale, and English.
#[cfg(target_os = "linux")]
fn spelling_languages(locale: Option<&str>) -> Vec<String> {
    let own = locale.and_then(|name| name.split('.').next()).filter(|name| name.contains('_'));
    let mut languages: Vec<String> = own.into_iter().map(str::to_owned).collect();
    if !languages.iter().any(|language| language == "en_US") {
        languages.push("en_US".to_owned());
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_on_its_own_pages() {
        let url = |text: &str| text.parse::<tauri::Url>().unwrap();
        assert!(is_own_page(&url("tauri://localhost/index.html")));
        assert!(is_own_page(&url("http://tauri.localhost/")));
        assert!(!is_own_page(&url("https://example.org/")));
        assert!(!is_own_page(&url("file:///etc/passwd")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_render_node_is_a_graphics_processor() {
        let devices = tempfile::tempdir().unwrap();
        assert!(!has_graphics_processor(devices.path()));
        std::fs::create_dir(devices.path().join("dri")).unwrap();
        std::fs::write(devices.path().join("dri/card0"), "").unwrap();
        assert!(!has_graphics_processor(devices.path()));
        std::fs::write(devices.path().join("dri/renderD128"), "").unwrap();
        assert!(has_graphics_processor(devices.path()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn checks_spelling_in_the_persons_language() {
        assert_eq!(spelling_languages(Some("de_DE.UTF-8")), ["de_DE", "en_US"]);
        assert_eq!(spelling_languages(Some("C.UTF-8")), ["en_US"]);
        assert_eq!(spelling_languages(None), ["en_US"]);
    }
}
