// The base layout: without the bar that asks for the address of another API's document.
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    displayRequestDuration: true,
    // A key stays in this page only, and no document is sent to a validator elsewhere.
    persistAuthorization: false,
    validatorUrl: "none",
  });
};
